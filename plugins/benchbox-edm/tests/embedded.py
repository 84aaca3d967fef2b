"""Source as it stands in a pickle: a network with the interface of EDM's, which is a formula."""

TINY = '''
import torch
from torch_utils import persistence
from torch_utils import misc
import dnnlib

@persistence.persistent_class
class Inner(torch.nn.Module):
    def __init__(self, variance):
        super().__init__()
        self.variance = torch.nn.Parameter(torch.tensor(float(variance)))

    def forward(self, x, sigma):
        v = misc.const_like(x, 1.0) * self.variance
        return x * (v / (v + sigma ** 2))

@persistence.persistent_class
class EDMPrecond(torch.nn.Module):
    """D(x, sigma) for N(label, variance)."""
    def __init__(self, img_resolution, img_channels, label_dim=0, sigma_min=0, sigma_max=float("inf"), variance=4.0):
        super().__init__()
        self.img_resolution, self.img_channels, self.label_dim = img_resolution, img_channels, label_dim
        self.sigma_min, self.sigma_max = sigma_min, sigma_max
        self.model = Inner(variance)

    def forward(self, x, sigma, class_labels=None, force_fp32=False):
        assert force_fp32 and x.dtype == torch.float32
        sigma = sigma.to(torch.float32).reshape(-1, 1, 1, 1)
        mean = 0 if class_labels is None else class_labels.argmax(1).to(x.dtype).reshape(-1, 1, 1, 1)
        return mean + self.model(x - mean, sigma)
'''
"""A network that is none of NVIDIA's architectures: it runs from its pickle, and cannot be converted."""

PRECOND = """
import torch
from torch_utils import persistence
from benchbox_edm import nets

@persistence.persistent_class
class EDMPrecond(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        made = nets.make({"precond": "EDMPrecond", **options})
        self.img_resolution, self.img_channels = options["img_resolution"], options["img_channels"]
        self.label_dim, self.model, self.precond = options.get("label_dim", 0), made.net, made.precond
        self.model.map_augment = torch.nn.Linear(9, 16, bias=False)
        self.gain = 1.0

    def forward(self, x, sigma, class_labels=None, force_fp32=False):
        c_skip, c_out, c_in, c_noise = self.precond(sigma)
        column = (-1, 1, 1, 1)
        f = self.model(x * c_in.view(column), c_noise, class_labels)
        return self.gain * (c_skip.view(column) * x + c_out.view(column) * f)
"""
"""EDM's preconditioning around a network of ours: it tests the path of a conversion; test_nets.py tests the numbers."""
