"""Muon: singular values near 1, torch's own as oracle, and that it learns."""

import multiprocessing

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from t2v_edu.training.muon import Muon, muon_and_adamw, orthogonal, set_rate


@pytest.mark.parametrize("shape", [(6, 6), (5, 20), (20, 5)])
def test_singular_values_come_near_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrix, steps=7))
    assert values.min() > 0.6 and values.max() < 1.3
    assert torch.linalg.svdvals(matrix).max() > 2


def test_the_directions_stay():
    """U and V are kept: the turned matrix is U·f(S)·Vᵀ."""
    u, s, v = torch.linalg.svd(torch.randn(4, 7, generator=torch.Generator().manual_seed(1)), full_matrices=False)
    between = u.T @ orthogonal((u * s) @ v) @ v.T
    torch.testing.assert_close(between, torch.diag(between.diag()), atol=1e-4, rtol=0)


def test_the_same_as_torch_but_for_bfloat16():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(12, 8, bias=False), nn.Linear(12, 8, bias=False)
    theirs.load_state_dict(ours.state_dict())
    start = ours.weight.detach().clone()
    a = Muon(ours.parameters(), 0.01, weight_decay=0.1)
    b = torch.optim.Muon(theirs.parameters(), 0.01, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        x, y = torch.randn(16, 12), torch.randn(16, 8)  # another slope each time, or one could not see Nesterov's look ahead
        for net, optimizer in ((ours, a), (theirs, b)):
            net.zero_grad()
            (net(x) - y).square().mean().backward()
            optimizer.step()
    moved = (theirs.weight - start).norm()
    assert moved > 0.05 and (ours.weight - theirs.weight).norm() < 0.02 * moved


def test_in_bfloat16_it_goes_nearly_the_same_way():
    start, gradient = torch.randn(24, 40), torch.randn(24, 40)
    moved = []
    for bf16 in (False, True):
        p = torch.nn.Parameter(start.clone())
        p.grad = gradient.clone()
        Muon([p], lr=0.1, bf16=bf16).step()
        assert p.dtype == torch.float32
        moved.append((p.detach() - start).flatten())
    assert not torch.equal(*moved) and torch.cosine_similarity(*moved, dim=0) > 0.999


def test_a_convolution_counts_as_a_matrix():
    torch.manual_seed(0)
    conv, flat = nn.Conv2d(3, 4, 3, bias=False), nn.Linear(27, 4, bias=False)
    flat.weight.data = conv.weight.data.flatten(1).clone()
    for p in (conv.weight, flat.weight):
        p.grad = torch.arange(108.0).reshape(p.shape).sin()
        Muon([p], 0.1).step()
    torch.testing.assert_close(conv.weight.flatten(1), flat.weight)


def test_every_parameter_has_one_optimiser():
    net = nn.Sequential(nn.Linear(3, 4), nn.Conv2d(4, 4, 3), nn.LayerNorm(4), nn.Linear(4, 2))
    both = muon_and_adamw(net, [net[1], net[2]], 1e-3)
    owned = [id(p) for o in both.values() for group in o.param_groups for p in group["params"]]
    assert sorted(owned) == sorted(id(p) for p in net.parameters())
    assert [id(p) for p in both["hidden"].param_groups[0]["params"]] == [id(net[1].weight)]
    set_rate(both.values(), 0.5)
    assert {group["lr"] for o in both.values() for group in o.param_groups} == {0.5}


def test_it_learns():
    torch.manual_seed(0)
    net, x = nn.Linear(10, 10, bias=False), torch.randn(64, 10)
    y = x @ torch.randn(10, 10)
    optimizer = Muon(net.parameters(), 0.2, weight_decay=0.0)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.2 * (1 - step / 200)
        loss = (net(x) - y).square().mean()
        net.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05


def test_a_vector_is_refused():
    with pytest.raises(ValueError, match=r"\(4,\)"):
        Muon([nn.Parameter(torch.zeros(4))])


def steps_of(rank, count):
    """Three matrices after two steps from gradients that are the same in every process."""
    weights = [nn.Parameter(torch.zeros(shape)) for shape in ((6, 4), (3, 9), (5, 5))]
    optimizer = Muon(weights, 0.1, rank=rank, count=count)
    for step in range(2):
        for k, p in enumerate(weights):
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(10 * step + k))
        optimizer.step()
    return {str(k): p.data for k, p in enumerate(weights)}


def one_of_two(rank, folder):
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    save_file(steps_of(rank, 2), folder / f"{rank}.safetensors")
    torch.distributed.destroy_process_group()


def test_two_processes_share_the_work(tmp_path):
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=one_of_two, args=(rank, tmp_path)) for rank in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    for rank in range(2):
        for name, weight in load_file(tmp_path / f"{rank}.safetensors").items():
            torch.testing.assert_close(weight, steps_of(0, 1)[name], atol=0, rtol=0)
