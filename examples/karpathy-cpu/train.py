"""A small byte-level network in numpy: embeddings of the last bytes, hidden layers, a softmax. Edit freely.

python train.py
"""

import os
import resource
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from prepare import TIME_BUDGET, VOCAB_SIZE, evaluate_bpb, make_dataloader

# ---------------------------------------------------------------------------
# Hyperparameters
# ---------------------------------------------------------------------------

CONTEXT = 6
EMBEDDING = 12
DEPTH = 1
WIDTH = 96
BATCH_SIZE = 128
NUM_STEPS = 3000
LEARNING_RATE = 0.001
WARMUP_RATIO = 0.0
WARMDOWN_RATIO = 0.3
BETAS = (0.9, 0.95)
SEED = 42

# ---------------------------------------------------------------------------
# Model
# ---------------------------------------------------------------------------


class Model:
    def __init__(self, rng):
        self.context = CONTEXT
        sizes = [CONTEXT * EMBEDDING] + [WIDTH] * DEPTH + [VOCAB_SIZE]
        self.params = {"embedding": rng.normal(0, 0.5, (VOCAB_SIZE, EMBEDDING)).astype(np.float32)}
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            self.params[f"w{i}"] = rng.normal(0, (2 / a) ** 0.5, (a, b)).astype(np.float32)
            self.params[f"b{i}"] = np.zeros(b, np.float32)
        self.params[f"w{DEPTH}"] *= 0.1

    def forward(self, x):
        layers = [self.params["embedding"][x].reshape(len(x), -1)]
        for i in range(DEPTH):
            layers.append(np.maximum(layers[-1] @ self.params[f"w{i}"] + self.params[f"b{i}"], 0))
        logits = layers[-1] @ self.params[f"w{DEPTH}"] + self.params[f"b{DEPTH}"]
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        return layers, p / p.sum(axis=1, keepdims=True)

    def __call__(self, x, y):
        _, p = self.forward(x)
        return -np.log(p[np.arange(len(y)), y] + 1e-12)

    def gradients(self, x, y):
        layers, p = self.forward(x)
        loss = float(-np.log(p[np.arange(len(y)), y] + 1e-12).mean())
        p[np.arange(len(y)), y] -= 1
        d = p / len(y)
        grads = {}
        for i in range(DEPTH, -1, -1):
            grads[f"w{i}"], grads[f"b{i}"] = layers[i].T @ d, d.sum(axis=0)
            d = d @ self.params[f"w{i}"].T
            if i > 0:
                d *= layers[i] > 0
        grads["embedding"] = np.zeros_like(self.params["embedding"])
        np.add.at(grads["embedding"], x.reshape(-1), d.reshape(-1, EMBEDDING))
        return loss, grads


# ---------------------------------------------------------------------------
# Training
# ---------------------------------------------------------------------------


def schedule(progress):
    if progress < WARMUP_RATIO:
        return progress / WARMUP_RATIO
    if progress > 1 - WARMDOWN_RATIO:
        return (1 - progress) / WARMDOWN_RATIO
    return 1.0


t_start = time.time()
model = Model(np.random.default_rng(SEED))
loader = make_dataloader(BATCH_SIZE, CONTEXT, "train", SEED)
first = {name: np.zeros_like(value) for name, value in model.params.items()}
second = {name: np.zeros_like(value) for name, value in model.params.items()}

t_train = time.time()
smooth = None
step = 0
while step < NUM_STEPS and time.time() - t_train < TIME_BUDGET:
    loss, grads = model.gradients(*next(loader))
    rate = LEARNING_RATE * schedule(step / NUM_STEPS)
    step += 1
    for name, g in grads.items():
        first[name] += (1 - BETAS[0]) * (g - first[name])
        second[name] += (1 - BETAS[1]) * (g * g - second[name])
        m = first[name] / (1 - BETAS[0] ** step)
        v = second[name] / (1 - BETAS[1] ** step)
        model.params[name] -= rate * m / (np.sqrt(v) + 1e-8)
    smooth = loss if smooth is None else 0.95 * smooth + 0.05 * loss
    if not np.isfinite(loss):
        print("FAIL")
        sys.exit(1)
    if step % 20 == 0:
        print(f"\rstep {step:05d} ({100 * step / NUM_STEPS:.1f}%) | loss: {smooth:.6f}    ", end="", flush=True)
print()
training_seconds = time.time() - t_train

val_bpb = evaluate_bpb(model, BATCH_SIZE)

peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
peak_mb = peak / 2**20 if sys.platform == "darwin" else peak / 2**10
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {training_seconds:.1f}")
print(f"total_seconds:    {time.time() - t_start:.1f}")
print(f"peak_vram_mb:     {peak_mb:.1f}")
print(f"mfu_percent:      {0:.2f}")
print(f"total_tokens_M:   {step * BATCH_SIZE / 1e6:.3f}")
print(f"num_steps:        {step}")
print(f"num_params_M:     {sum(value.size for value in model.params.values()) / 1e6:.3f}")
print(f"depth:            {DEPTH}")
