"""The fragments of "Organize Your Machine Learning Pipelines with Artifacts", put together to a program that runs.

Functions and calls stand as in the document; it lost lines in between, and those that are here in their place say so.
The detector and its detections are stood in for by random numbers.
"""

import os

import numpy
import torch

import artcli as wandb


# --- artifact_utils ---


def init_new_run(name, job):
    run = wandb.init(project="artifact-workplace-safety", job_type=job, name=name)
    return run


def create_dataset_artifact(run, name):
    artifact = wandb.Artifact(name, type='dataset')
    artifact.add_dir("data")  # lost
    run.log_artifact(artifact)  # lost


def create_model_artifact(path, run, name):
    artifact = wandb.Artifact(name, type='model')
    artifact.add_file(path)  # lost
    run.log_artifact(artifact)  # lost


# --- lost: the arguments, the images and labels, the detector ---


class opt:
    job_type, name, log_data_artifact = "train", "train_60_adam_0.001", "train_test_data"
    epochs, model_def, optim = 3, "yolov3-tiny.cfg", "adam"


random = numpy.random.default_rng(0)
os.makedirs("data/labels")
for number in range(6):
    with open(f"data/labels/{number}.txt", "w") as file:
        file.write(f"{number % 3} 0.5 0.5 0.25 0.25\n")
class_id_to_label = {0: "helmet", 1: "mask"}


class Detections:
    """What a detector gives for an image: rows of x1, y1, x2, y2, confidences and a class."""

    def __init__(self, array):
        self.array = array

    def cpu(self):
        return self

    def numpy(self):
        return self.array


def detect(count):
    rows = numpy.sort(random.random((count, 4)), axis=1)
    return Detections(numpy.hstack([rows, random.random((count, 2)), random.integers(0, 2, (count, 1))]))


# --- the training ---

run = init_new_run(opt.name, opt.job_type)
# setup config dict. Useful for running sweeps
run.config['epochs'] = opt.epochs
run.config['model'] = opt.model_def
run.config['optim'] = opt.optim
run.config['lr'] = 0.001  # lost: the value

if opt.log_data_artifact != None:  # noqa: E711, as it stands
    create_dataset_artifact(run, opt.log_data_artifact)

for epoch in range(opt.epochs):  # lost
    imgs = torch.rand(2, 3, 16, 24)
    outputs = [detect(2), None]
    log_imgs = []
    for i, batch_detection in enumerate(outputs):
        bbox_data = []
        if batch_detection is not None:
            bbox_data = [{
                        "position": {
                            "minX": float(img[0]),
                            "maxX": float(img[2]),
                            "minY": float(img[1]),
                            "maxY": float(img[3]),
                        },  # lost: the bracket
                        "class_id" : int(img[6]),
                        "scores" : {
                            "Object_conf": float(img[4]),
                            "class_score": float(img[5])
                        },  # lost: the bracket
                    } for img in batch_detection.cpu().numpy()]
        log_imgs.append(wandb.Image(imgs[i].permute(1, 2, 0).cpu().numpy(),
                   boxes={"predictions": {"box_data":bbox_data , "class_labels": class_id_to_label}}))
    wandb.log({"Outputs": log_imgs})
    precision, recall, AP, f1 = random.random((4, 3))  # lost
    wandb.log({"val_precision": precision.mean(),
                   "val_recall": recall.mean()  ,
                   "val_mAP": AP.mean() ,
                   "val_f1": f1.mean() })

model_ckpt_name = 'yolov3_ckpt.pth'  # lost: the name
torch.save({"weights": 1}, model_ckpt_name)  # lost
# Final operation
create_model_artifact(model_ckpt_name, run, "yolo")  # Create a model artifact
run.finish()  # each script of the document is a program of its own

# --- updatedata: download the version1 of the dataset (indexed as version 0) ---

run = wandb.init(project="artifact-workplace-safety", job_type='update_Labels', name='processing')

artifact = run.use_artifact('authors/artifact-workplace-safety/train_test_data:v0', type='dataset')
artifact_dir = artifact.download()  # lost: the call

# 1. Update labels by removing the line containing class index 2
# 2. Make a list of all the label files that were emptied in the previous step
for file in os.listdir(os.path.join(artifact_dir, "labels")):
    path = os.path.join(artifact_dir, "labels", file)
    with open(path) as label_file:
        labels = label_file.readlines()
    if all(label.startswith("2") for label in labels):
        os.remove(path)

# Log the new version of the dataset
artifact_data = wandb.Artifact(name='train_test_data', type='dataset')
artifact_data.add_dir(artifact_dir)  # lost
run.log_artifact(artifact_data)  # lost
run.finish()

run = wandb.init()
artifact = run.use_artifact('authors/artifact-workplace-safety/train_test_data:v1', type='dataset')
artifact_dir = artifact.download()  # lost: the call
