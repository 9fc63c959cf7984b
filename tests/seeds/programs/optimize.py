"""The script that makes a model ready for the car, from "Using Artifacts to Build an End to End ML Pipeline".

The document has it in one line, and lost what stood in links and calls: such places say so.
"""

import os

import artcli as wandb

# lost: the training, which logs a model, and the conversion with TensorRT
with wandb.init(project="racecar", job_type="train", config={"architecture": "resnet18", "lr": 0.01}) as run:
    run.use_artifact("dataset:latest").download()
    with open("model.pth", "wb") as file:
        file.write(b"weights")
    trained = wandb.Artifact("model", type="model")
    trained.add_file("model.pth")
    run.log_artifact(trained)


def convert(model_pth, model_architecture, classes):
    with open(model_pth, "rb") as file:
        return b"%s for %s of %d" % (file.read(), model_architecture.encode(), classes)


run = wandb.init(project="racecar", job_type="optimize")

print("Downloading non optimized model")  # lost: the call
artifact = run.use_artifact("model:latest")
artifact_dir = artifact.download()  # lost: the call

# fetching the model architecture from the producer run
producer_run = artifact.logged_by()
model_architecture = producer_run.config["architecture"]

# converting the model
model_pth = os.path.join(artifact_dir, "model.pth")
model_trt = convert(model_pth, model_architecture, 2)

# lost: what becomes of it
optimized = wandb.Artifact("model-trt", type="model", metadata={"architecture": model_architecture})
with optimized.new_file("model_trt.pth", mode="wb") as file:
    file.write(model_trt)
run.log_artifact(optimized)
