tqdm = iter
