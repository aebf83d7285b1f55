"""The products that networks.rs times, by PyTorch: one line of JSON each. Arguments: rows, rounds.

F v = J^T M J v of a categorical policy by torch.func: one jvp, the metric of the softmax, one vjp, as in networks.rs. Like there,
pixels are bytes that every pass scales to 0..1, and the gradient has its forward pass.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.func import functional_call, jvp, vjp

ACTIONS = 6


def main(rows=512, rounds=7):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, ACTIONS),
    )
    theta = {name: value.detach() for name, value in network.named_parameters()}
    v = {name: torch.randn_like(value) for name, value in theta.items()}
    pixels = torch.randint(0, 256, (rows, 4, 84, 84), dtype=torch.uint8)
    actions, advantages = torch.randint(0, ACTIONS, (rows,)), torch.randn(rows)

    def outputs(parameters):
        return functional_call(network, parameters, (pixels.float() / 255,))

    def forward():
        with torch.no_grad():
            return outputs(theta)

    def gradient():
        parameters = {name: value.requires_grad_() for name, value in theta.items()}
        log_probs = torch.log_softmax(outputs(parameters), 1).gather(1, actions[:, None])[:, 0]
        return torch.autograd.grad((log_probs * advantages).mean(), list(parameters.values()))

    def fisher_product():
        parameters = {name: value.detach() for name, value in theta.items()}
        logits, moved = jvp(outputs, (parameters,), (v,))
        p = torch.softmax(logits, 1)
        cotangent = p * (moved - (p * moved).sum(1, keepdim=True)) / rows
        return vjp(outputs, parameters)[1](cotangent)

    def fisher_product_again():
        """With the graph of the vjp kept from one product to the next, as conjugate gradients can do it."""
        _, moved = jvp(outputs, (kept,), (v,))
        cotangent = p * (moved - (p * moved).sum(1, keepdim=True)) / rows
        return torch.autograd.grad(seen, list(leaves.values()), cotangent, retain_graph=True)

    kept = {name: value.detach() for name, value in theta.items()}
    leaves = {name: value.clone().requires_grad_() for name, value in kept.items()}
    seen = outputs(leaves)
    p = torch.softmax(seen.detach(), 1)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        works = {"forward": forward, "gradient": gradient, "Fisher product": min_of(fisher_product, fisher_product_again)}
        for what, work in works.items():
            print(json.dumps({"what": f"NatureCNN {what}", "threads": threads, "seconds": median(work, rounds)}), flush=True)


def median(work, rounds):
    work()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return sorted(times)[rounds // 2]


def min_of(*works):
    """The one of these that takes least."""
    return min(works, key=lambda work: median(work, 1))


main(*map(int, sys.argv[1:]))
