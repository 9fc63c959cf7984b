"""What `import wandb` finds in a command that was run with `--as-wandb`."""

import sys

try:
    from artcli import install_as_wandb
except ImportError as error:
    raise ImportError("--as-wandb wants artcli in the Python that runs the program: pip install artcli") from error

del sys.modules[__name__]  # it stands there while it is loaded
install_as_wandb()
