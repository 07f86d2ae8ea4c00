"""PyTorch: modules, optimizers, schedulers and generators go on where they were; tensors are taken and filled where they lie."""

import unittest

import numpy as np
import torch

import places
import tsnap


def made():
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return {"model": model, "optimizer": optimizer, "schedule": torch.optim.lr_scheduler.StepLR(optimizer, 3),
            "random": tsnap.Rng(torch.default_generator), "epoch": 0}


def trained(state, steps):
    """The losses of some steps, which depend on all that the state holds."""
    losses = []
    for _ in range(steps):
        state["optimizer"].zero_grad()
        loss = state["model"](torch.randn(16, 4)).pow(2).mean()
        loss.backward()
        state["optimizer"].step()
        state["schedule"].step()
        state["epoch"] += 1
        losses.append(loss.item())
    return losses


class Torch(unittest.TestCase):
    def setUp(self):
        torch.set_num_threads(1)
        torch.manual_seed(1)

    def test_training_goes_on_as_if_nothing_had_happened(self):
        url, state = places.fresh(), made()
        trained(state, 5)
        with tsnap.take_async(url, state):
            expected = trained(state, 5)  # while the take goes on, of what was there before
        fresh = made()
        tsnap.restore(url, fresh)
        self.assertEqual(fresh["epoch"], 5)
        self.assertEqual(trained(fresh, 5), expected)
        with tsnap.Snapshot(url) as snapshot:
            self.assertEqual(snapshot["model"]["0.weight"].shape, (8, 4))
            self.assertEqual(snapshot["optimizer/param_groups/0/lr"], 0.01 * 0.1)

    def test_a_model_is_filled_in_place(self):
        url, state = places.fresh(), made()
        tsnap.take(url, {"model": state["model"]})
        fresh = made()["model"]
        addresses = [parameter.data_ptr() for parameter in fresh.parameters()]
        tsnap.restore(url, {"model": fresh})
        self.assertEqual([parameter.data_ptr() for parameter in fresh.parameters()], addresses)
        for name, tensor in state["model"].state_dict().items():
            self.assertTrue(torch.equal(tensor, fresh.state_dict()[name]), name)

    def test_another_model_says_what_does_not_fit(self):
        url = places.fresh()
        tsnap.take(url, {"model": made()["model"]})
        with self.assertRaisesRegex(tsnap.CallbackError, "Missing key") as caught:
            tsnap.restore(url, {"model": torch.nn.Linear(3, 3)})
        self.assertIsInstance(caught.exception.__cause__, RuntimeError)

    def test_tensors_of_every_type_and_stride(self):
        types = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
                 torch.float32, torch.float64, torch.complex64, torch.complex128]
        for dtype in types:
            with self.subTest(dtype=dtype):
                url, source = places.fresh(), torch.arange(24).reshape(4, 6).to(dtype)
                whole = torch.zeros(6, 8, dtype=dtype)
                tsnap.take(url, {"t": source.t()})
                tsnap.restore(url, {"t": whole[:, 2:6]})
                self.assertTrue(torch.equal(whole[:, 2:6], source.t()))
                self.assertEqual(torch.count_nonzero(whole[:, :2]), 0)
                with tsnap.Snapshot(url) as snapshot:
                    read = snapshot["t"].to_torch((slice(1, 3), slice(None, None, -2)))
                    self.assertTrue(torch.equal(read, source.t()[1:3].flip(1)[:, ::2]))
                    self.assertEqual(read.dtype, dtype)

    def test_tensors_that_cannot_be_described_are_refused(self):
        for tensor, words in ((torch.eye(3).to_sparse(), "dense"), (torch.zeros(2, dtype=torch.complex64).conj(), "resolve_conj"),
                              (torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.quint8), "dense|qu"),
                              (torch.zeros(2, device="meta"), "meta")):
            with self.assertRaisesRegex(TypeError, words):
                tsnap.take(places.fresh(), {"t": tensor})

    def test_dlpack_of_torch_is_that_of_numpy(self):
        class OnlyDlpack:
            def __init__(self, tensor):
                self.__dlpack__, self.__dlpack_device__ = tensor.__dlpack__, tensor.__dlpack_device__
        url, target = places.fresh(), torch.zeros(5)
        tsnap.take(url, {"t": OnlyDlpack(torch.arange(5.0))})
        tsnap.restore(url, {"t": OnlyDlpack(target)})
        np.testing.assert_array_equal(target, np.arange(5.0))


if __name__ == "__main__":
    places.main()
