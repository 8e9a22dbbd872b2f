"""Networks that cannot be traced, or hardly; the docstring begins with rows x columns by hand."""

import torch
import torch.nn.functional as F
from torch import nn


def circular(i, o, k, **named):
    return nn.Conv2d(i, o, k, padding=k // 2, padding_mode="circular", **named)


class _Net(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.c = in_channels
        self.make()
        self.f = nn.Linear(self.out, num_classes)

    out = 8

    def forward(self, x):
        return self.f(self.body(x).mean((2, 3)))


class Tokens(_Net):
    """4x4 patches as tokens (n, t, c): 4x4, and a layer norm and a linear layer over channels"""

    out = 8

    def make(self):
        self.p = circular(self.c, 8, 1)
        self.e = nn.Conv2d(8, 8, 4, 4)
        self.n = nn.LayerNorm(8)
        self.l = nn.Linear(8, 8)

    def forward(self, x):
        x = self.e(self.p(x)).flatten(2).transpose(1, 2)
        return self.f(self.l(self.n(x)).mean(1))


class Windows(_Net):
    """14x14 windows of (n, blocks, tokens, c), attention inside each"""

    def make(self):
        self.p = circular(self.c, 8, 1)
        self.q = nn.Linear(8, 8)
        self.o = nn.Linear(8, 8)

    def forward(self, x):
        x = self.p(x)
        n, c, h, w = x.shape
        x = x.view(n, c, 2, h // 2, 2, w // 2).permute(0, 2, 4, 3, 5, 1).reshape(n, 4, -1, c)
        q = self.q(x)
        a = (q @ q.transpose(-2, -1)).softmax(-1) @ x
        return self.f(self.o(a).mean((1, 2)))


class WindowsInTheBatch(_Net):
    """7x7 windows in the batch dimension (n*windows, tokens, c), attention inside each"""

    def make(self):
        self.p = circular(self.c, 8, 1)
        self.m = nn.MultiheadAttention(8, 2, batch_first=True)
        self.o = nn.Linear(8, 8)

    def forward(self, x):
        x = self.p(x)
        n, c, h, w = x.shape
        x = x.view(n, c, h // 7, 7, w // 7, 7).permute(0, 2, 4, 3, 5, 1).reshape(-1, 49, c)
        x = self.o(self.m(x, x, x, need_weights=False)[0])
        return self.f(x.view(n, -1, c).mean(1))


class TilesInTheBatch(_Net):
    """3x3: a convolution on 14x14 tiles that stand in the batch dimension (n*tiles, c, h, w)"""

    def make(self):
        self.a = circular(self.c, 8, 3)

    def body(self, x):
        n, c, h, w = x.shape
        x = x.view(n, c, 2, h // 2, 2, w // 2).permute(0, 2, 4, 1, 3, 5)
        x = self.a(x.reshape(n * 4, c, h // 2, w // 2))
        return x.view(n, 2, 2, -1, h // 2, w // 2).permute(0, 3, 1, 4, 2, 5).reshape(n, -1, h, w)


class Overflow(_Net):
    """11x11: five convolutions of huge weights, infinite in float32"""

    def make(self):
        self.a = nn.Sequential(circular(self.c, 8, 3), *(circular(8, 8, 3) for _ in range(4)))
        for layer in self.a:
            nn.init.constant_(layer.weight, 1e12)

    def body(self, x):
        return self.a(x)


class Dead(_Net):
    """7x7: three convolutions with ReLUs that are dead at the start"""

    def make(self):
        self.a = nn.ModuleList([circular(self.c, 8, 3), circular(8, 8, 3), circular(8, 8, 3)])
        for layer in self.a:
            nn.init.constant_(layer.bias, -100)

    def body(self, x):
        for layer in self.a:
            x = layer(x).relu_()
        return x


class MaxOnly(_Net):
    """11x11: conv 3, then max pools 5 and 5"""

    def make(self):
        self.a = circular(self.c, 8, 3)
        self.p = nn.MaxPool2d(5, 1, 2)

    def body(self, x):
        return self.p(self.p(self.a(x)))


class ZeroHead(_Net):
    """5x5: the last convolution starts at zero"""

    def make(self):
        self.a = circular(self.c, 8, 3)
        self.b = circular(8, 8, 3)
        nn.init.zeros_(self.b.weight)

    def body(self, x):
        return self.b(self.a(x))


class Masked(_Net):
    """2x3: a convolution whose upper two rows alone are not masked"""

    def make(self):
        self.a = circular(self.c, 8, 3)
        mask = torch.ones(1, 1, 3, 3)
        mask[:, :, 2] = 0
        self.register_buffer("mask", mask)

    def body(self, x):
        x = F.pad(x, (1, 1, 1, 1))
        return F.conv2d(x, self.a.weight * self.mask)


class Slices(_Net):
    """3x5: halves of the channels written into zeros, one moved to the left and to the right"""

    def make(self):
        self.a = circular(self.c, 8, 3)

    def body(self, x):
        x = self.a(x)
        y = torch.zeros_like(x)
        y[:, :4, :, 1:] = x[:, :4, :, :-1]
        y[:, 4:, :, :-1] = x[:, 4:, :, 1:]
        return y


class InPlaceProduct(_Net):
    """7x7: a branch multiplied in place by another as a statement"""

    def make(self):
        self.a = circular(self.c, 8, 3)
        self.b = circular(self.c, 8, 7)

    def body(self, x):
        y = self.a(x)
        y.mul_(self.b(x))
        return y


class Lists(_Net):
    """5x5: unbind, a list of channels, stack"""

    def make(self):
        self.a = circular(self.c, 8, 3)
        self.b = circular(8, 8, 3)

    def body(self, x):
        parts = list(self.a(x).unbind(1))
        parts.reverse()
        return self.b(torch.stack(parts, 1))


class Einsum(_Net):
    """3x3: channels mixed by einsum"""

    def make(self):
        self.a = circular(self.c, 8, 3)
        self.w = nn.Parameter(torch.randn(8, 8))

    def body(self, x):
        return torch.einsum("nchw,dc->ndhw", self.a(x), self.w)


class EinsumRows(_Net):
    """3x28: rows compared with each other by einsum; as all columns are seen, the rows alone count"""

    def make(self):
        self.a = circular(self.c, 8, 3)

    def body(self, x):
        x = self.a(x)
        a = torch.einsum("nchw,nchv->nhwv", x, x).softmax(-1)
        return torch.einsum("nhwv,nchv->nchw", a, x)


class Involution(_Net):
    """5x5: weights of each place from the place itself (unfold and a product)"""

    def make(self):
        self.a = circular(self.c, 8, 1)
        self.k = nn.Conv2d(8, 25, 1)

    def body(self, x):
        x = self.a(x)
        n, c, h, w = x.shape
        k = self.k(x).view(n, 1, 25, h, w)
        return (F.unfold(x, 5, padding=2).view(n, c, 25, h, w) * k).sum(2)


class ChannelsLast(_Net):
    """9x9: linear layers on (n, h, w, c) around a convolution"""

    def make(self):
        self.a = circular(self.c, 8, 3)
        self.l = nn.Linear(8, 8)
        self.b = circular(8, 8, 7)

    def forward(self, x):
        x = self.l(self.a(x).permute(0, 2, 3, 1))
        x = self.l(self.b(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        return self.f(x.mean((1, 2)))


class Rows(_Net):
    """3x28: a recurrent layer along each row, forwards and backwards"""

    def make(self):
        self.a = circular(self.c, 4, 3)
        self.r = nn.GRU(4, 4, bidirectional=True, batch_first=True)

    def body(self, x):
        x = self.a(x)
        n, c, h, w = x.shape
        y, _ = self.r(x.permute(0, 2, 3, 1).reshape(n * h, w, c))
        return y.reshape(n, h, w, 8).permute(0, 3, 1, 2)


class Dilated(_Net):
    """17x17: taps 8 apart, in an image where the middle unit sees all three"""

    def make(self):
        self.a = nn.Conv2d(self.c, 8, 3, padding=8, dilation=8, padding_mode="circular")

    def body(self, x):
        return self.a(x)


class Wide(_Net):
    """33x33: more than the 28 pixels of the image; the sizes of larger images agree"""

    def make(self):
        self.a = nn.Conv2d(self.c, 8, 3, padding=16, dilation=16, padding_mode="circular")

    def body(self, x):
        return self.a(x)


class Deep(_Net):
    """41x41: twenty convolutions, all units of 28 pixels cut"""

    def make(self):
        self.a = circular(self.c, 8, 3)
        self.b = nn.Sequential(*(circular(8, 8, 3) for _ in range(19)))

    def body(self, x):
        return self.b(self.a(x))


class Up(_Net):
    """6x6: nearest upsampling behind stride 2, then conv 3 on two units"""

    def make(self):
        self.a = nn.Conv2d(self.c, 8, 4, 2, 1)
        self.b = circular(8, 8, 3)

    def body(self, x):
        return self.b(F.interpolate(self.a(x), scale_factor=2))


class Fourier(_Net):
    """rows and columns mixed by the Fourier transform: what enters sees 3x3"""

    def make(self):
        self.a = circular(self.c, 8, 3)

    def body(self, x):
        return torch.fft.irfft2(torch.fft.rfft2(self.a(x)), s=x.shape[2:])


class Spectrum(_Net):
    """5x5: parts of complex numbers, which a Fourier transform of the channels gives"""

    def make(self):
        self.a, self.b = circular(self.c, 8, 3), circular(8, 8, 3)

    def body(self, x):
        complex_maps = torch.fft.fft(self.a(x), dim=1)
        return self.b(complex_maps.real + torch.view_as_real(complex_maps)[..., 1])


class Branching(_Net):
    """3x3: a branch on the numbers of the image"""

    def make(self):
        self.a = circular(self.c, 8, 3)

    def body(self, x):
        y = self.a(x)
        return y if y.mean() > -1e9 else -y


class Coordinates(_Net):
    """3x28: gates of rows and of columns, as in coordinate attention; after the first, all columns"""

    def make(self):
        self.a, self.b = circular(self.c, 8, 3), circular(8, 8, 3)

    def body(self, x):
        y = self.a(x)
        rows, columns = y.mean(3, keepdim=True), y.mean(2, keepdim=True)
        return self.b(y * rows.sigmoid() * columns.sigmoid())


class Volume(_Net):
    """3x5 windows of two images as a volume: 3x5, with padding along its depth too"""

    def make(self):
        self.e = nn.Conv3d(self.c, 8, (3, 3, 5), padding=(1, 1, 2))

    def body(self, x):
        return self.e(torch.stack([x, x], 2)).mean(2)
