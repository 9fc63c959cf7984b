"""The training notebook from "Using Artifacts to Build an End to End ML Pipeline".

The document tells what it consumes and what it gives, and not how: a linear model that learns where to steer from the
pictures' names, in numpy, stands for the network.
"""

from pathlib import Path

import numpy
from PIL import Image

import artcli as wandb

with wandb.init(project="racecar", job_type="train", config={"architecture": "linear", "ridge": 1.0}) as run:
    pictures = sorted(Path(run.use_artifact("dataset:latest").download()).glob("*.jpg"))
    seen = numpy.stack([numpy.asarray(Image.open(picture).convert("L").resize((16, 16))).ravel() for picture in pictures])
    x = numpy.hstack([seen / 255, numpy.ones((len(seen), 1))])
    y = numpy.array([[int(word[1:]) for word in picture.stem.split("_")[1:]] for picture in pictures])  # …_x079_y124.jpg
    weights = numpy.linalg.solve(x.T @ x + run.config.ridge * numpy.eye(x.shape[1]), x.T @ y)
    wandb.log({"pixels_off": numpy.abs(x @ weights - y).mean()})

    trained = wandb.Artifact("model", type="model")
    with trained.new_file("model.pth", mode="wb") as file:
        numpy.save(file, weights)
    run.log_artifact(trained)
