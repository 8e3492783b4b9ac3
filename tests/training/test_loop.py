"""One epoch, one evaluation."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from autode.training import loop
from autode.training.data import Split
from autode.training.loop import Inputs, Learner, batch_bounds, evaluate, evaluation_batch, train_epoch
from autode.training.models import freeze, make_model
from autode.training.optimizers import make_optimizer
from autode.training.settings import hyperparameters, resolve

CPU = torch.device("cpu")
PRECISIONS = ("float32", "bfloat16")
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def split(count=24, channels=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, channels, 32, 32), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(count) % 10)


def learner(values, seed=0):
    model = make_model("resnet18", "embedded", 0.25, 10, seed)
    frozen = freeze(model, "resnet18", values.freeze_depth)
    optimizer = make_optimizer(model, values.optimizer, values.lr, values.weight_decay, values.momentum)
    return Learner(model, frozen, optimizer, Inputs(32, *HALF, CPU), flips=False)


def values(**given):
    return hyperparameters(resolve({"batch_size": 8, "epochs": 1}), given)


@given(samples=st.integers(2, 300), batch_size=st.integers(2, 300))
def test_batches_cover_all_images_but_a_last_single_one(samples, batch_size):
    bounds = batch_bounds(samples, batch_size)
    sizes = [end - start for start, end in bounds]
    assert min(sizes) >= 2
    assert max(sizes) <= batch_size
    assert sum(sizes) == samples - (samples % batch_size == 1)
    assert [start for start, _ in bounds[1:]] == [end for _, end in bounds[:-1]]


@pytest.mark.parametrize("channels", [1, 3])
def test_inputs_are_normalised_in_three_channels(channels):
    images = split(4, channels).images
    inputs = Inputs(32, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), CPU)(images)
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(inputs, (images.expand(-1, 3, -1, -1) / 255 - mean) / std, atol=1e-5, rtol=1e-5)
    assert inputs.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("start", [0, 1])
def test_how_many_batches_are_prepared_at_once_changes_no_bit(monkeypatch, start):
    chosen, data, seen = values(), split(30), []
    subject = learner(chosen)
    bounds, plan = batch_bounds(30, 8)[start:], loop._plan(data, chosen, False, 1, 0)
    for at_once in (1, 3, 100):
        monkeypatch.setitem(loop.PREPARED_PIXELS, "cpu", at_once * 8 * 32**2)
        assert subject.inputs.at_once(8) == at_once
        seen.append(list(loop._batches(subject, data, plan, bounds)))
    for one, three, all_of_them, (low, high) in zip(*seen, bounds, strict=True):
        for alone, together in ((one, three), (one, all_of_them)):
            assert torch.equal(alone[0], together[0]) and torch.equal(alone[1], together[1])
        assert one[0].is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(one[1], data.labels[plan[0][low:high]])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_images_and_kept_features_keep_their_layout(layout):
    features = torch.rand(6, 8, 4, 4).contiguous(memory_format=layout)
    taken = loop._rows(features, torch.tensor([4, 1]))
    assert torch.equal(taken, features[torch.tensor([4, 1])])
    assert taken.is_contiguous(memory_format=layout)


def test_grey_images_become_what_three_equal_channels_become():
    images = split(6).images
    inputs = Inputs(32, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), CPU)
    assert torch.equal(inputs(images), inputs(images.expand(-1, 3, -1, -1)))


def test_inputs_are_resized_on_the_way():
    images = split(4).images
    enlarged = Inputs(64, *HALF, CPU)(images)
    expected = functional.interpolate(images / 255, size=64, mode="bilinear", align_corners=False) * 2 - 1
    torch.testing.assert_close(enlarged, expected.expand(-1, 3, -1, -1), atol=1e-5, rtol=1e-5)


def test_training_lowers_the_loss():
    chosen, data = values(lr=0.05, epochs=3, augmentation=0.0), split()
    subject = learner(chosen)
    losses = [train_epoch(subject, data, chosen, epoch, seed=1) for epoch in (1, 2, 3)]
    assert losses[2] < losses[0]


def test_an_epoch_depends_on_seed_and_number_alone():
    chosen, data = values(), split()

    def loss(epoch, seed):
        torch.manual_seed(epoch + seed)  # the global generator plays no part
        return train_epoch(learner(chosen), data, chosen, epoch, seed)

    assert loss(1, 5) == loss(1, 5)
    assert loss(1, 5) != loss(1, 6)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_frozen_parts_keep_weights_and_statistics(optimizer):
    chosen = values(freeze_depth=3, optimizer=optimizer)
    subject = learner(chosen)
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    train_epoch(subject, split(), chosen, 1, seed=0)
    changed = {
        name.split(".")[0] for name, value in subject.model.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"layer3", "layer4", "fc"}


def test_a_last_batch_of_one_image_is_skipped():
    chosen = values()
    assert math.isfinite(train_epoch(learner(chosen), split(17), chosen, 1, seed=0))


def test_divergence_is_an_error_at_once():
    chosen = values(lr=100.0, momentum=0.99, epochs=50)
    subject = learner(chosen)
    with pytest.raises(FloatingPointError, match=r"training diverged: the loss is (nan|inf) in epoch \d+"):
        for epoch in range(1, 51):
            train_epoch(subject, split(), chosen, epoch, seed=0)


class Constant(nn.Module):
    """Always prefers class 3."""

    def forward(self, images):
        return functional.one_hot(torch.full((len(images),), 3), 10).float()


def test_evaluation_is_mean_cross_entropy_and_share_of_errors():
    subject = Learner(Constant(), [], torch.optim.SGD([torch.zeros(1)]), Inputs(32, *HALF, CPU), flips=False)
    data = split(1030)  # more than two evaluation batches
    loss, error = evaluate(subject, data)
    assert error == pytest.approx(1 - 103 / 1030)
    log_sum = math.log(math.e + 9)
    assert loss == pytest.approx(log_sum - 0.1, rel=1e-5)


def test_a_diverged_network_has_no_validation_result():
    subject = learner(values())
    with torch.no_grad():
        subject.model.fc.bias.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="the loss is nan on held-out images"):
        evaluate(subject, split())


def test_evaluation_changes_nothing():
    subject = learner(values())
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    assert evaluate(subject, split()) == evaluate(subject, split())
    assert all(torch.equal(value, before[name]) for name, value in subject.model.state_dict().items())


def test_the_average_is_what_is_judged_and_follows_the_weights():
    chosen, data = values(lr=0.05, ema=0.5, epochs=4, augmentation=0.0), split()
    plain = learner(chosen)
    subject = replace(plain, averaged=copy.deepcopy(plain.model))
    before = evaluate(subject, data)
    mean, seen = subject.averaged.fc.weight.detach().clone(), []
    train_epoch(subject, data, chosen, 1, 0, after_step=lambda *_: seen.append(plain.model.fc.weight.detach().clone()))
    for step, weight in enumerate(seen):
        decay = min(0.5, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * weight
    torch.testing.assert_close(subject.averaged.fc.weight.detach(), mean)
    assert torch.equal(subject.averaged.bn1.running_mean, plain.model.bn1.running_mean)
    assert evaluate(subject, data) not in (before, evaluate(plain, data))


def test_an_epoch_in_pieces_is_the_epoch():
    chosen, data = values(augmentation=0.5), split()
    whole, pieces = learner(chosen), learner(chosen)
    sums = {}
    loss = train_epoch(whole, data, chosen, 1, 0, after_step=lambda done, total: sums.setdefault(done, total.clone()))
    assert list(sums) == [1, 2, 3]

    def cut(done, total):
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train_epoch(pieces, data, chosen, 1, 0, after_step=cut)
    assert train_epoch(pieces, data, chosen, 1, 0, done=2, loss_sum=sums[2]) == loss
    assert torch.equal(whole.model.fc.weight, pieces.model.fc.weight)


def test_dropout_depends_on_the_seed_and_leaves_the_global_generator_alone():
    chosen, data = values(), split()

    def loss(seed):
        subject = learner(chosen)
        subject.model.fc = nn.Sequential(nn.Dropout(0.5), subject.model.fc)
        torch.manual_seed(torch.seed())
        before = torch.get_rng_state()
        value = train_epoch(subject, data, chosen, 1, seed)
        assert torch.equal(torch.get_rng_state(), before)
        return value

    assert loss(3) == loss(3)


def test_without_augmentation_nothing_is_mirrored():
    chosen, data = values(augmentation=0.0), split()
    plain = learner(chosen)
    assert train_epoch(replace(plain, flips=True), data, chosen, 1, 0) == train_epoch(
        learner(chosen), data, chosen, 1, 0
    )


def test_sixteen_bits_are_close_to_thirty_two():
    chosen, data = values(), split()
    exact, rough = (train_epoch(replace(learner(chosen), precision=p), data, chosen, 1, 0) for p in PRECISIONS)
    assert rough != exact
    assert rough == pytest.approx(exact, rel=0.05)


def test_one_channel_is_enough_for_a_network_of_one():
    images = split(4).images
    inputs = Inputs(32, (0.5,), (0.5,), CPU)(images)
    torch.testing.assert_close(inputs, images / 127.5 - 1)


def test_large_images_are_judged_fewer_at_once():
    sizes = [evaluation_batch(Inputs(size, *HALF, CPU)) for size in (28, 64, 128, 224, 1024)]
    assert sizes == [512, 512, 128, 41, 2]
