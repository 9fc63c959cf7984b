"""The Python API, in W&B's words: `import artcli as wandb` runs code that was written for it.

`artcli/__init__.py` names what is public and loads it when it is asked for. What is told to people goes to stderr
through `voice`; what a run says goes through `buffer`, which writes it to the run's spool in a thread of its own.
"""
