"""A small network in numpy: embeddings of the last tokens, hidden layers, a softmax. Edit freely.

python train.py
"""

import os
import resource
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from prepare import MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

# ---------------------------------------------------------------------------
# Hyperparameters
# ---------------------------------------------------------------------------

CONTEXT = 6
EMBEDDING = 12
DEPTH = 1
WIDTH = 96
DEVICE_BATCH_SIZE = 4  # rows of MAX_SEQ_LEN tokens
NUM_STEPS = 3000
LEARNING_RATE = 0.001
WARMUP_RATIO = 0.0
WARMDOWN_RATIO = 0.3
BETAS = (0.9, 0.95)
EVAL_BATCH_SIZE = 32
SEED = 42

# ---------------------------------------------------------------------------
# Model
# ---------------------------------------------------------------------------


class Model:
    def __init__(self, vocab, rng):
        sizes = [CONTEXT * EMBEDDING] + [WIDTH] * DEPTH + [vocab]
        self.params = {"embedding": rng.normal(0, 0.5, (vocab, EMBEDDING)).astype(np.float32)}
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            self.params[f"w{i}"] = rng.normal(0, (2 / a) ** 0.5, (a, b)).astype(np.float32)
            self.params[f"b{i}"] = np.zeros(b, np.float32)
        self.params[f"w{DEPTH}"] *= 0.1

    def state_dict(self):
        return self.params

    def load_state_dict(self, state):
        self.params = state

    def windows(self, x):
        """(B * T, CONTEXT): each token with the ones before it."""
        padded = np.pad(x, ((0, 0), (CONTEXT - 1, 0)))
        return np.lib.stride_tricks.sliding_window_view(padded, CONTEXT, axis=1).reshape(-1, CONTEXT)

    def layers(self, windows):
        found = [self.params["embedding"][windows].reshape(len(windows), -1)]
        for i in range(DEPTH):
            found.append(np.maximum(found[-1] @ self.params[f"w{i}"] + self.params[f"b{i}"], 0))
        return found, found[-1] @ self.params[f"w{DEPTH}"] + self.params[f"b{DEPTH}"]

    def __call__(self, x, y=None, reduction="mean"):
        """Logits (B, T, vocabulary); with `y` the loss of each target, or their mean, in nats."""
        _, logits = self.layers(self.windows(x))
        if y is None:
            return logits.reshape(*x.shape, -1)
        loss = -log_softmax(logits)[np.arange(y.size), y.reshape(-1)]
        return loss if reduction == "none" else loss.mean()

    def gradients(self, x, y):
        windows, targets = self.windows(x), (np.arange(y.size), y.reshape(-1))
        layers, logits = self.layers(windows)
        logp = log_softmax(logits)
        d = np.exp(logp)
        d[targets] -= 1
        d /= y.size
        grads = {}
        for i in range(DEPTH, -1, -1):
            grads[f"w{i}"], grads[f"b{i}"] = layers[i].T @ d, d.sum(axis=0)
            d = d @ self.params[f"w{i}"].T
            if i > 0:
                d *= layers[i] > 0
        grads["embedding"] = np.zeros_like(self.params["embedding"])
        np.add.at(grads["embedding"], windows.reshape(-1), d.reshape(-1, EMBEDDING))
        return -float(logp[targets].mean()), grads


def log_softmax(logits):
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


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
tokenizer = Tokenizer.from_directory()
model = Model(tokenizer.get_vocab_size(), np.random.default_rng(SEED))
loader = make_dataloader(tokenizer, DEVICE_BATCH_SIZE, MAX_SEQ_LEN, "train")
first = {name: np.zeros_like(value) for name, value in model.params.items()}
second = {name: np.zeros_like(value) for name, value in model.params.items()}

t_train = time.time()
smooth = None
step = 0
while step < NUM_STEPS and time.time() - t_train < TIME_BUDGET:
    loss, grads = model.gradients(*next(loader)[:2])
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

val_bpb = evaluate_bpb(model, tokenizer, EVAL_BATCH_SIZE)

peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
peak_mb = peak / 2**20 if sys.platform == "darwin" else peak / 2**10
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {training_seconds:.1f}")
print(f"total_seconds:    {time.time() - t_start:.1f}")
print(f"peak_vram_mb:     {peak_mb:.1f}")
print(f"mfu_percent:      {0:.2f}")
print(f"total_tokens_M:   {step * DEVICE_BATCH_SIZE * MAX_SEQ_LEN / 1e6:.3f}")
print(f"num_steps:        {step}")
print(f"num_params_M:     {sum(value.size for value in model.params.values()) / 1e6:.3f}")
print(f"depth:            {DEPTH}")
