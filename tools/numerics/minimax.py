#!/usr/bin/env python3
"""Minimax coefficients of include/aios/numerics.h.

Run it to see the coefficients again: it prints each polynomial as C hexadecimal constants together with the
approximation error (of the rounded coefficients, evaluated exactly).  The error of the finished functions,
rounding of every step included, is measured by tests/unit/test_numerics_math.c.

Method: Lawson's iteratively reweighted least squares on a Chebyshev grid; then the coefficients are rounded to
binary32 one after the other, lowest order first, and the rest is fitted again around each rounded one.  (A Remez
exchange does not fit here: once c0 is fixed the error vanishes at 0 and no longer alternates as it must.)
Needs python3, numpy and mpmath; nothing in the build depends on it.
"""
import mpmath as mp
import numpy as np

mp.mp.dps = 40


def hexf(v):
    """C99 constant of a binary32 value, without trailing zeros."""
    mantissa, exponent = float(np.float32(v)).hex().split("p")
    return mantissa.rstrip("0").rstrip(".") + "p" + exponent + "f"


def lawson(basis, target, rounds=400):
    """Coefficients with (nearly) the least maximum of |basis @ c - target|."""
    w = np.full(len(target), 1.0 / len(target))
    best, best_err = None, np.inf
    for _ in range(rounds):
        s = np.sqrt(w)
        c = np.linalg.lstsq(basis * s[:, None], target * s, rcond=None)[0]
        err = np.abs(basis @ c - target)
        if err.max() < best_err:
            best, best_err = c, err.max()
        w = w * err
        w /= w.sum()
    return best


def fit(name, target, weight, degree, lo, hi):
    """Fit q of that degree to target with the error weighted, round the coefficients in turn, print."""
    lo, hi = float(lo), float(hi)
    n = 1200
    xs = (lo + hi) / 2 - (hi - lo) / 2 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    t = [target(mp.mpf(float(x))) for x in xs]
    w = np.array([float(weight(mp.mpf(float(x)))) for x in xs])
    fixed = []
    while len(fixed) <= degree:
        rest = np.array([float(v - sum(mp.mpf(c) * mp.mpf(float(x)) ** i for i, c in enumerate(fixed)))
                         for v, x in zip(t, xs)])
        basis = np.stack([xs ** i for i in range(len(fixed), degree + 1)], axis=1)
        fixed.append(float(np.float32(lawson(basis * w[:, None], rest * w)[0])))
    worst = max(abs(mp.mpf(float(wt)) * (sum(mp.mpf(c) * mp.mpf(float(x)) ** i for i, c in enumerate(fixed)) - v))
                for v, wt, x in zip(t, w, xs))
    print(f"{name}: weighted error {mp.nstr(worst, 4)} = 2^{mp.nstr(mp.log(worst, 2), 4)}")
    for i, c in enumerate(fixed):
        print(f"    c{i} = {hexf(c)}")


def main():
    ln2 = mp.log(2)
    log2e = 1 / ln2

    # 2**f = 1 + f*q(f) on [-1/2, 1/2]; the error in units of the last place (which halves below 1), times 2^-23.
    fit("exp2 q", lambda f: (2 ** f - 1) / f, lambda f: f if f > 0 else 2 * f, 4, -0.5, 0.5)

    # log2(1+f) = hi*f + (lo*f + f*f*q(f)) on [sqrt(1/2)-1, sqrt(2)-1]; relative to log2(1+f).
    hi = mp.mpf(float(np.float32(float(log2e))))
    print("log2 hi", hexf(hi), "lo", hexf(log2e - hi))
    fit("log2 q", lambda f: (mp.log(1 + f, 2) - log2e * f) / f ** 2, lambda f: f ** 2 / mp.log(1 + f, 2),
        8, mp.sqrt(0.5) - 1, mp.sqrt(2) - 1)

    # tanh(x) = x + x*z*q(z), z = x*x, on |x| <= 5/8; relative to tanh(x).
    fit("tanh q", lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z * mp.sqrt(z) / mp.tanh(mp.sqrt(z)), 4, 0, 0.390625)

    print("log2(e)", hexf(log2e), " ln(2)", hexf(ln2), " 2*sqrt(2/pi)", hexf(2 * mp.sqrt(2 / mp.pi)),
          " 0.044715", hexf(0.044715))


if __name__ == "__main__":
    main()
