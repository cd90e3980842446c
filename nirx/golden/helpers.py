"""Functions of C that the steps call; a file gets those that it uses."""

from __future__ import annotations

import re

from nirx.execution.reproducible import SMALLEST
from nirx.golden.literals import float_literal

__all__ = ["HELPERS", "helpers"]

WHOLE = """
/* The number with these bits: int64_t is two's complement by definition. */
static inline int64_t signed64(uint64_t bits)
{
    int64_t y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* Sums and products: exact below 2**63, which nirx requires; defined for all operands. */
static inline int64_t add64(int64_t a, int64_t b)
{
    return signed64((uint64_t)a + (uint64_t)b);
}

static inline int64_t sub64(int64_t a, int64_t b)
{
    return signed64((uint64_t)a - (uint64_t)b);
}

static inline int64_t mul64(int64_t a, int64_t b)
{
    return signed64((uint64_t)a * (uint64_t)b);
}

/* a / 2**k, rounded down: C leaves the right shift of negative numbers to the compiler. */
static inline int64_t shift_down(int64_t a, int64_t k)
{
    return a < 0 ? ~(~a >> k) : a >> k;
}

/* a / b for b > 0, rounded down. */
static inline int64_t divide_down(int64_t a, int64_t b)
{
    return a < 0 ? ~(~a / b) : a / b;
}
"""

FLOAT = """
/* +0 for what is smaller than the bound B of nirx's reproducible mode; NaN stays. */
static inline T keep(T y)
{
    return y < B && y > -B ? ZERO : y;
}

static inline T floor_of(T x)
{
    T whole;
    if (!(x > -WHOLE && x < WHOLE)) {
        return x; /* NaN, or whole already */
    }
    whole = (T)(int64_t)x;
    return whole > x ? whole - ONE : whole;
}

static inline T size_of(T x)
{
    return x < ZERO ? -x : x;
}

/* The nearest whole number, halves to even, of |x| < 2**51. */
static inline double nearest(double x)
{
    return (x + 0x1.8p+52) - 0x1.8p+52;
}

/* 2**n for -1022 <= n <= 1023. */
static inline double power_of_two(int n)
{
    const uint64_t bits = (uint64_t)(n + 1023) << 52;
    double y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* e with m < 2**e <= 2*m; 0 for m = 0. */
static inline int exponent_of(double m)
{
    uint64_t bits;
    memcpy(&bits, &m, sizeof bits);
    return m > 0.0 ? (int)(bits >> 52) - 1022 : 0;
}

/* n/2 to the nearest whole number, halves to even; for n >= -4096. */
static inline int half_of(int n)
{
    const int u = n + 4096;
    return u / 2 + (u & (u / 2) & 1) - 2048;
}

/* x[0..count-1] in SLICES slices q of whole numbers, one after the other.
   Returns 0 if an element is infinite or NaN. */
static int slice(const T *x, ptrdiff_t count, int p, double *q, int *exponent)
{
    double largest = 0.0;
    for (ptrdiff_t k = 0; k < count; ++k) {
        const double own = (double)x[k] < 0.0 ? -(double)x[k] : (double)x[k];
        if (!(own < (double)INFINITY)) {
            return 0;
        }
        largest = own > largest ? own : largest;
    }
    *exponent = exponent_of(largest);
    const int shift = p - *exponent;
    const int half = half_of(shift);
    const double first = power_of_two(half), second = power_of_two(shift - half);
    const double next = power_of_two(p);
    for (ptrdiff_t k = 0; k < count; ++k) {
        double rest = (double)x[k] * first * second;
        for (int i = 0; i < SLICES; ++i) {
            q[i * count + k] = nearest(rest);
            rest = (rest - q[i * count + k]) * next;
        }
    }
    return 1;
}

/* The sum of products of slices, scaled back by 2**n and rounded. */
static inline T unsliced(double total, int n)
{
    const int half = half_of(n);
    const double d = total * power_of_two(half) * power_of_two(n - half);
    return (T)(d < (double)B && d > -(double)B ? 0.0 : d);
}
"""

HELPERS = tuple(re.findall(r"^static [^=(]*?(\w+)\(", WHOLE + FLOAT, flags=re.MULTILINE))
"""Their names."""


def helpers(body: str, dtype: str | None) -> str:
    """The text of the functions that a body calls.

    Arguments:
        dtype: of floating point; None for integers.
    """
    text = WHOLE if dtype is None else _typed(FLOAT, dtype)
    parts = re.split(r"\n\n(?=/\*|static)", text.strip())
    kept: list[str] = []
    for part in reversed(parts):  # a function calls those before it
        found = re.search(r"(\w+)\(", re.sub(r"/\*.*?\*/", "", part, flags=re.DOTALL))
        assert found is not None, "every part is a function"
        if re.search(rf"\b{found[1]}\(", "\n".join([body, *kept])):
            kept.insert(0, part)
    return "\n\n".join(kept)


def _typed(text: str, dtype: str) -> str:
    single = dtype == "float32"
    for name, value in {
        "T": "float" if single else "double",
        "B": float_literal(SMALLEST[dtype], dtype),
        "ZERO": "0.0f" if single else "0.0",
        "ONE": "1.0f" if single else "1.0",
        "WHOLE": "0x1p+24f" if single else "0x1p+53",
        "SLICES": "2" if single else "3",
    }.items():
        text = re.sub(rf"\b{name}\b", value, text)
    return text
