"""The car's script from "Using Artifacts to Build an End to End ML Pipeline", which adds to a data set what it collects.

The document has it in one line, and lost what stood in links and calls: such places say so. It is run several times.
"""

import os
import shutil
import sys

import artcli as wandb

# lost: the parser of the arguments and the camera; what is named on the command line is collected instead
run = wandb.init(project="racecar", job_type="collect-data", config={"dataset_name": "dataset"})
config = wandb.config

try:
    # Downloading the latest version of the dataset to add to it
    artifact = wandb.use_artifact(f"{config.dataset_name}:latest")
    output_dir = artifact.download()  # lost: the call; # downloading the dataset to output_dir
    print("Dataset already exists, adding to it")  # lost: the call
except wandb.errors.CommError:
    print("Dataset doesn't exist yet, creating it")  # lost: the call
    output_dir = config.dataset_name
    os.makedirs(output_dir, exist_ok=False)

# [...] collecting images and saving them to output_dir
for path in sys.argv[1:]:
    shutil.copy(path, output_dir)

# creating a new version of the dataset
dataset = wandb.Artifact(config.dataset_name, type="dataset")
# the new and old images are now inside output_dir.
# we're adding them to our new version of the artifact
dataset.add_dir(output_dir)
# logging the artifact to wandb
run.log_artifact(dataset)
