"""The script that makes a model ready for the car, from "Using Artifacts to Build an End to End ML Pipeline".

The document has it in one line, and lost what stood in links and calls: such places say so.
"""

import os

import numpy

import artcli as wandb


# lost: the conversion with TensorRT; half the bits of each number stand for it
def convert(model_pth, model_architecture, classes):
    weights = numpy.load(model_pth)
    assert model_architecture == "linear"
    assert weights.shape[1] == classes
    return weights.astype(numpy.float16)


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
    numpy.save(file, model_trt)
run.log_artifact(optimized)
