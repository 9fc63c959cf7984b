"""What "Announcing Artifacts" says in words, as a program; the document itself has no code.

A data set that differs from the version before by a single image, data that stays where it is, two stages of
fine-tuning among twenty, and an edit that marks a model as deployed.
"""

import os

import artcli as wandb

os.makedirs("images")
for number in range(200):
    with open(f"images/{number}.jpg", "wb") as image:
        image.write(os.urandom(2000))

os.makedirs("raw")
with open("raw/200.tiff", "wb") as raw:
    raw.write(os.urandom(9000))

with wandb.init(project="dota", job_type="collect") as run:
    first = wandb.Artifact("images", type="dataset")
    first.add_dir("images")
    run.log_artifact(first)
    with open("images/200.jpg", "wb") as image:
        image.write(os.urandom(2000))
    second = wandb.Artifact("images", type="dataset")
    second.add_dir("images")
    second.add_reference(f"file://{os.getcwd()}/raw", name="raw")
    run.log_artifact(second)

for surgery in range(20):
    with wandb.init(project="dota", job_type="surgery", config={"surgery": surgery}) as run:
        run.use_artifact("images:latest")
        weights = b""
        if surgery:
            with run.use_artifact("model:latest").open("model.h5") as file:
                weights = file.read()
        model = wandb.Artifact("model", type="model")
        with model.new_file("model.h5", mode="wb") as file:
            file.write(weights + b"%d" % surgery)
        run.log_artifact(model)

deployed = wandb.Api().artifact("dota/model:latest")
deployed.metadata["stage"] = "production"
deployed.save()
