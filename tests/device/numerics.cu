// SPDX-License-Identifier: Apache-2.0
/*
 * numerics.cu - the numerics header compiled for the device against the same
 * header on the host, and the tensor cores against its TFDPA, bit for bit.
 * Needs a Hopper GPU. Build and run from the source folder:
 *
 *   nvcc -gencode=arch=compute_90a,code=sm_90a -std=c++17 -O2 -fmad=false -ftz=false
 *        -prec-div=true -prec-sqrt=true -Xcompiler -ffp-contract=off,-mfma -Iinclude
 *        tests/device/numerics.cu -o build/device-numerics && build/device-numerics
 *
 * Prints one line a check; exit status 1 when any bit differs.
 */
#include <cmath>
#include <cstring>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <aios/numerics.h>

#include "device.h"

static int failures;

static void report(const char *name, size_t bad, size_t total)
{
	printf("%-34s %10zu of %10zu differ%s\n", name, bad, total, bad ? "  FAILED" : "");
	failures += bad != 0;
}

/* Device memory with the host's copy beside it. */
template <typename T> struct array {
	std::vector<T> host;
	buffer mem;
	T *dev;

	explicit array(size_t n) : host(n), mem(n * sizeof(T)), dev((T *)mem.p)
	{
	}
	void up()
	{
		mem.put(host);
	}
	void down()
	{
		cuda(cudaGetLastError(), "launch");
		mem.get(host);
	}
};

/* --- functions of one or two floats --------------------------------------- */

#define INPUTS (1u << 24)

enum {
	EXP,
	SIGMOID,
	TANH,
	GELU_LOG2,
	LN_RMS,
	NARROW,
	WIDEN,
	ROTATE,
	SOFTMAX,
	MERGE,
	QUANT,
	INTEGERS,
	SAMPLE,
	RANDOM,
	RANK,
	KINDS
};

static const char *const kind_names[KINDS] = {
	"exp2, exp",
	"sigmoid, silu",
	"tanh, softcap",
	"gelu_tanh, log2",
	"ln, rms_factor",
	"to bf16, f16, e4m3",
	"from f16, e4m3",
	"rope_pair",
	"attention p, l",
	"attention merge",
	"quantise i8, i8x2, e4m3",
	"i8x2 sums, dequantise",
	"sample weight",
	"Philox",
	"rank key, penalties",
};

__host__ __device__ static uint64_t pack(float a, float b)
{
	return (uint64_t)aios_bits(aios_canon(a)) << 32 | aios_bits(aios_canon(b));
}

/* Two results of kind `kind` for the i-th input; x walks through all bit patterns. */
__host__ __device__ static uint64_t evaluate(int kind, uint32_t i)
{
	uint64_t r = mix(i);
	float x = aios_float(i << 8 | (uint32_t)(r & 255)), y = aios_float((uint32_t)(r >> 16)), a,
	      b;
	float near = (float)(int32_t)(r >> 32) * 0x1p-26f, m;
	struct aios_attn_state st;
	struct aios_quant_scale s;

	switch (kind) {
	case EXP:
		return pack(aios_exp2(-aios_abs(x)), aios_exp(-aios_abs(x)));
	case SIGMOID:
		return pack(aios_sigmoid(x), aios_silu(x));
	case TANH:
		return pack(aios_tanh(x), aios_softcap(x, 30.0f));
	case GELU_LOG2:
		return pack(aios_gelu_tanh(x), aios_log2(x));
	case LN_RMS:
		return pack(aios_ln(x),
			    aios_rms_apply(y, aios_rms_factor(aios_abs(x), i % 8192 + 1, 1e-6f),
					   near, 1.0f));
	case NARROW:
		return (uint64_t)aios_f32_to_bf16(x) << 32 | (uint64_t)aios_f32_to_f16(x) << 8 |
		       aios_f32_to_e4m3(x);
	case WIDEN:
		return pack(aios_f16_to_f32((uint16_t)i), aios_e4m3_to_f32((uint8_t)(i >> 16)));
	case ROTATE:
		aios_rope_pair(x, y, near, 0.75f, &a, &b);
		return pack(a, b);
	case SOFTMAX:
		m = aios_max_step(near, x);
		return pack(aios_attn_p(near, m, AIOS_BF16),
			    aios_attn_l(y, aios_attn_rescale(x, m), near));
	case MERGE:
		st.m = near;
		st.l = 3.0f;
		aios_attn_merge(&st, aios_attn_score_capped(x, 0.125f, 50.0f), 2.0f, &a, &b);
		return pack(aios_attn_merge_acc(x, a, y, b), aios_attn_final(st.l));
	case QUANT:
		s = aios_quant_scale_of(aios_abs(y), aios_is_finite(y),
					i & 1 ? AIOS_QMAX_I8 : AIOS_QMAX_E4M3);
		return pack(s.scale, s.inv) ^ (uint64_t)(uint8_t)aios_quant_i8(x, s.inv) << 20 ^
		       (uint64_t)aios_quant_i8x2(near, s.inv) << 40 ^ aios_quant_e4m3(x, s.inv);
	case INTEGERS:
		return pack(aios_i8x2_acc((int64_t)mix(r) >> 22, (int64_t)r >> 30),
			    aios_dequant(aios_i8_acc((int32_t)r), x, y)) ^
		       (uint64_t)(uint8_t)aios_i8x2_lo((int32_t)(r % 65279) - 32639) << 7 ^
		       (uint64_t)(uint8_t)aios_i8x2_hi((int32_t)(r % 65279) - 32639) << 27;
	case SAMPLE:
		m = aios_max_step(near, x);
		return aios_sample_weight(near, m) ^
		       (uint64_t)aios_top_p_reached(r >> 23, r >> 22, x) << 63 ^
		       (uint64_t)aios_min_p_keeps(r >> 24, x) << 62;
	case RANDOM:
		return aios_sample_target(aios_random64(r, i, i & 3), mix(r) >> 8);
	default:
		return aios_rank_key(x, i) ^
		       aios_bits(aios_canon(aios_penalise(y, i & 3, 1.2f, 0.3f, 0.4f)));
	}
}

__global__ static void evaluate_all(int kind, uint64_t *out)
{
	uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;

	out[i] = evaluate(kind, i);
}

static void check_functions(void)
{
	array<uint64_t> out(INPUTS);

	for (int kind = 0; kind < KINDS; kind++) {
		size_t bad = 0;

		evaluate_all<<<INPUTS / 256, 256>>>(kind, out.dev);
		out.down();
		for (uint32_t i = 0; i < INPUTS; i++)
			bad += out.host[i] != evaluate(kind, i);
		report(kind_names[kind], bad, INPUTS);
	}
}

/* --- the device's own conversions, which kernels may use ------------------- */

__global__ static void hardware_conversions(unsigned long long *bad)
{
	uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
	float x = aios_float(i << 8 | (uint32_t)(mix(i) & 255));

	if (aios_is_nan(x))
		return;
	if (__bfloat16_as_ushort(__float2bfloat16_rn(x)) != aios_f32_to_bf16(x))
		atomicAdd(bad, 1ull);
	if (__half_as_ushort(__float2half_rn(x)) != aios_f32_to_f16(x))
		atomicAdd(bad + 1, 1ull);
	if (__nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3) != aios_f32_to_e4m3(x))
		atomicAdd(bad + 2, 1ull);
	if ((i & 0x7fff) <= 0x7c00 &&
	    __float_as_uint(__half2float(__ushort_as_half((uint16_t)i))) !=
		    aios_bits(aios_f16_to_f32((uint16_t)i)))
		atomicAdd(bad + 3, 1ull);
}

static void check_conversions(void)
{
	static const char *const names[] = { "cvt.rn.bf16", "cvt.rn.f16", "cvt.rn.satfinite.e4m3",
					     "cvt.f32.f16" };
	array<unsigned long long> bad(4);

	bad.up();
	hardware_conversions<<<INPUTS / 256, 256>>>(bad.dev);
	bad.down();
	for (int k = 0; k < 4; k++)
		report(names[k], bad.host[k], INPUTS);
}

/* --- sums by lanes --------------------------------------------------------- */

/* One warp a row, eight lanes a thread: shuffles for the upper tree, registers for the lower. */
__global__ static void warp_sums(const float *x, uint32_t n, float *sum, float *sumsq)
{
	uint32_t t = threadIdx.x;
	float p[8], q[8];

	x += (size_t)blockIdx.x * n;
	for (uint32_t k = 0; k < 8; k++) {
		p[k] = aios_lane_sum_partial(x, n, t * 8 + k);
		q[k] = aios_lane_sumsq_partial(x, n, t * 8 + k);
	}
	for (uint32_t h = 16; h > 0; h /= 2) {
		for (uint32_t k = 0; k < 8; k++) {
			p[k] = aios_add(p[k], __shfl_down_sync(0xffffffffu, p[k], h));
			q[k] = aios_add(q[k], __shfl_down_sync(0xffffffffu, q[k], h));
		}
	}
	if (t == 0) {
		sum[blockIdx.x] = aios_halving_tree(p, 8);
		sumsq[blockIdx.x] = aios_halving_tree(q, 8);
	}
}

static void check_sums(void)
{
	const uint32_t rows = 2000;
	size_t bad = 0, total = 0;

	for (uint32_t n = 1; n <= 4096; n = n * 2 + 11) {
		array<float> x((size_t)rows * n), s(rows), q(rows);

		for (size_t i = 0; i < x.host.size(); i++)
			x.host[i] = (float)(int32_t)mix(i + n) * 0x1p-28f;
		x.up();
		warp_sums<<<rows, 32>>>(x.dev, n, s.dev, q.dev);
		s.down();
		q.down();
		for (uint32_t r = 0; r < rows; r++, total += 2) {
			const float *row = x.host.data() + (size_t)r * n;

			bad += aios_bits(s.host[r]) != aios_bits(aios_lane_sum(row, n));
			bad += aios_bits(q.host[r]) != aios_bits(aios_lane_sumsq(row, n));
		}
	}
	report("lane sums, 8 lanes a thread", bad, total);
}

/* --- tensor cores ---------------------------------------------------------- */

enum {
	NORMAL,
	WIDE,
	BITS,
	ZEROS,
	SUBNORMAL,
	TIES,
	SPECIALS,
	DISTRIBUTIONS
};

/* A number of a distribution; only +, * and exact scaling, so it is the same everywhere. */
static float number(int dist, uint64_t r)
{
	float g = ((float)(int16_t)r + (float)(int16_t)(r >> 16) + (float)(int16_t)(r >> 32)) *
		  0x1p-15f;
	int e = (int)(r >> 48 & 31) - 16;

	switch (dist) {
	case NORMAL:
		return g;
	case ZEROS:
		return r >> 53 & 3 ? std::ldexp(g, e) : g < 0 ? -0.0f : 0.0f;
	case TIES:
		return r & 1 ? 0.0f : std::ldexp(r & 2 ? -1.0f : 1.0f, (int)(r >> 8 & 7) - 3);
	case SPECIALS:
		return r >> 53 & 15 ? std::ldexp(g, e) :
		       r & 1        ? (r & 2 ? INFINITY : -INFINITY) :
		       r & 4        ? aios_nan() :
				      0.0f;
	default:
		return std::ldexp(g, e);
	}
}

/* An input code of `dtype`. */
static uint32_t code(uint32_t dtype, int dist, uint64_t r)
{
	uint32_t all = dtype == AIOS_E4M3 ? 0xff : 0xffff, u = (uint32_t)(r >> 20) & all;
	uint32_t top = dtype == AIOS_BF16 ? 0x7f80 : dtype == AIOS_F16 ? 0x7c00 : 0x78;
	float x = number(dist, r);

	if (dist == SUBNORMAL)
		return u & ~top;
	if (dist == BITS) { /* finite */
		if (dtype == AIOS_E4M3)
			return (u & 0x7f) == 0x7f ? 0 : u;
		return (u & top) == top ? u & ~(top / 2) & all : u;
	}
	return dtype == AIOS_BF16 ? aios_f32_to_bf16(x) :
	       dtype == AIOS_F16  ? aios_f32_to_f16(x) :
				    aios_f32_to_e4m3(x);
}

static float accumulator(int dist, uint64_t r)
{
	if (dist == SUBNORMAL)
		return aios_float((uint32_t)r & 0x80ffffffu);
	if (dist == BITS)
		return aios_float((uint32_t)r & 0xff7fffffu);
	return number(dist, r);
}

#define STEPS 3 /* blocks of a chain */

/* Warp = one 16 x 8 tile: A [16][K], B [8][K] row-major, K = 16 * STEPS. */
template <uint32_t TYPE>
__global__ static void mma_tiles(const uint16_t *a, const uint16_t *b, const float *c, float *d)
{
	const uint32_t k = 16 * STEPS, lane = threadIdx.x, g = lane / 4, t = lane % 4 * 2;
	float acc[4];

	a += (size_t)blockIdx.x * 16 * k;
	b += (size_t)blockIdx.x * 8 * k;
	for (int i = 0; i < 4; i++)
		acc[i] = c[(size_t)blockIdx.x * 128 + (g + i / 2 * 8) * 8 + t + i % 2];
	for (uint32_t s = 0; s < k; s += 16) {
		uint32_t ra[4], rb[2];

		for (uint32_t i = 0; i < 4; i++)
			ra[i] = *(const uint32_t *)(a + (g + i % 2 * 8) * k + s + t + i / 2 * 8);
		for (uint32_t i = 0; i < 2; i++)
			rb[i] = *(const uint32_t *)(b + g * k + s + t + i * 8);
		if (TYPE == AIOS_BF16)
			asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
				     "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
				     : "+f"(acc[0]), "+f"(acc[1]), "+f"(acc[2]), "+f"(acc[3])
				     : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]),
				       "r"(rb[1]));
		else
			asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
				     "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
				     : "+f"(acc[0]), "+f"(acc[1]), "+f"(acc[2]), "+f"(acc[3])
				     : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]),
				       "r"(rb[1]));
	}
	for (int i = 0; i < 4; i++)
		d[(size_t)blockIdx.x * 128 + (g + i / 2 * 8) * 8 + t + i % 2] = acc[i];
}

/* Shared-memory matrix descriptor without swizzle: 8 x 16-byte core matrices, K-major. */
__device__ static uint64_t core_matrices(const void *p, uint32_t leading, uint32_t stride)
{
	uint64_t at = (uint64_t)__cvta_generic_to_shared(p);

	return (at & 0x3ffff) >> 4 | (uint64_t)(leading >> 4) << 16 | (uint64_t)(stride >> 4) << 32;
}

/* Warpgroup = one 64 x 8 tile of e4m3: A [64][K], B [8][K] row-major, K = 32 * STEPS. */
__global__ static void wgmma_tiles(const uint8_t *a, const uint8_t *b, const float *c, float *d)
{
	__shared__ __align__(128) uint8_t sa[64 * 32], sb[8 * 32];
	const uint32_t k = 32 * STEPS, t = threadIdx.x, row = t / 32 * 16 + t % 32 / 4,
		       col = t % 4 * 2;
	float acc[4];

	a += (size_t)blockIdx.x * 64 * k;
	b += (size_t)blockIdx.x * 8 * k;
	for (int i = 0; i < 4; i++)
		acc[i] = c[(size_t)blockIdx.x * 512 + (row + i / 2 * 8) * 8 + col + i % 2];
	for (uint32_t s = 0; s < k; s += 32) {
		uint64_t da, db;

		for (uint32_t i = t; i < 64 * 32; i += 128)
			sa[(i / 256 * 2 + i % 32 / 16) * 128 + i / 32 % 8 * 16 + i % 16] =
				a[i / 32 * k + s + i % 32];
		for (uint32_t i = t; i < 8 * 32; i += 128)
			sb[i % 32 / 16 * 128 + i / 32 * 16 + i % 16] = b[i / 32 * k + s + i % 32];
		asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
		__syncthreads();
		da = core_matrices(sa, 128, 256);
		db = core_matrices(sb, 128, 256);
		asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
		asm volatile("{.reg .pred p; setp.ne.b32 p, 1, 0; "
			     "wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3 {%0,%1,%2,%3}, "
			     "%4, %5, p, 1, 1;}"
			     : "+f"(acc[0]), "+f"(acc[1]), "+f"(acc[2]), "+f"(acc[3])
			     : "l"(da), "l"(db));
		asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
		asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
		__syncthreads();
	}
	for (int i = 0; i < 4; i++)
		d[(size_t)blockIdx.x * 512 + (row + i / 2 * 8) * 8 + col + i % 2] = acc[i];
}

/* The definition, evaluated on the device: one thread an output. */
__global__ static void defined_tiles(struct aios_tfdpa_unit u, const uint8_t *a, const uint8_t *b,
				     const float *c, float *d, uint32_t rows, uint32_t row_bytes,
				     uint32_t k)
{
	uint32_t i = threadIdx.x / 8, j = threadIdx.x % 8;
	size_t at = (size_t)blockIdx.x * rows * 8 + threadIdx.x;

	d[at] = aios_tfdpa_chain(u, a + ((size_t)blockIdx.x * rows + i) * row_bytes,
				 b + ((size_t)blockIdx.x * 8 + j) * row_bytes, k, c[at]);
}

static void check_tiles(const char *name, uint32_t profile, uint32_t dtype, int dist,
			uint32_t tiles, uint32_t rows)
{
	struct aios_tfdpa_unit u = aios_tfdpa_of(profile, dtype);
	uint32_t k = (uint32_t)u.terms * STEPS, bytes = dtype == AIOS_E4M3 ? 1 : 2,
		 row_bytes = k * bytes;
	array<uint8_t> a((size_t)tiles * rows * row_bytes), b((size_t)tiles * 8 * row_bytes);
	array<float> c((size_t)tiles * rows * 8), d(c.host.size()), e(c.host.size());
	size_t bad = 0, bad_device = 0;
	uint64_t seed = mix((uint64_t)dtype << 8 | (uint64_t)dist);
	char line[80];

	for (size_t i = 0; i < a.host.size() / bytes; i++) {
		uint32_t v = code(dtype, dist, mix(seed + i));

		memcpy(&a.host[i * bytes], &v, bytes);
	}
	for (size_t i = 0; i < b.host.size() / bytes; i++) {
		uint32_t v = code(dtype, dist, mix(~seed - i));

		memcpy(&b.host[i * bytes], &v, bytes);
	}
	for (size_t i = 0; i < c.host.size(); i++)
		c.host[i] = accumulator(dist, mix(seed * 3 + i));
	a.up();
	b.up();
	c.up();
	if (dtype == AIOS_BF16)
		mma_tiles<AIOS_BF16>
			<<<tiles, 32>>>((uint16_t *)a.dev, (uint16_t *)b.dev, c.dev, d.dev);
	else if (dtype == AIOS_F16)
		mma_tiles<AIOS_F16>
			<<<tiles, 32>>>((uint16_t *)a.dev, (uint16_t *)b.dev, c.dev, d.dev);
	else
		wgmma_tiles<<<tiles, 128>>>(a.dev, b.dev, c.dev, d.dev);
	d.down();
	defined_tiles<<<tiles, rows * 8>>>(u, a.dev, b.dev, c.dev, e.dev, rows, row_bytes, k);
	e.down();
	for (size_t at = 0; at < c.host.size(); at++) {
		size_t tile = at / (rows * 8), i = at / 8 % rows, j = at % 8;
		float want = aios_tfdpa_chain(u, &a.host[(tile * rows + i) * row_bytes],
					      &b.host[(tile * 8 + j) * row_bytes], k, c.host[at]);

		if (aios_bits(want) != aios_bits(d.host[at]) && !bad++)
			printf("  first: tile %zu (%zu, %zu): defined %08x, tensor core %08x\n",
			       tile, i, j, aios_bits(want), aios_bits(d.host[at]));
		bad_device += aios_bits(want) != aios_bits(e.host[at]);
	}
	snprintf(line, sizeof(line), "%s, distribution %d", name, dist);
	report(line, bad, c.host.size());
	if (bad_device)
		report("  the definition on the device", bad_device, c.host.size());
}

/*
 * Single facts, put at k = 0, 1 of the first or the last block of element (0, 0) of a bf16 tile.
 * The empty blocks behind the first turn a -0 into +0; in the last its sign is seen.
 */
static void check_probes(uint32_t block)
{
	static const struct {
		const char *name;
		float a[2], b[2], c;
	} probes[] = {
		{ "zero terms take no part", { 0, 0x1p-12f }, { 0x1p127f, 0x1p-13f }, 0 },
		{ "inf * 1", { INFINITY, 1 }, { 1, 1 }, 0 },
		{ "inf - inf", { INFINITY, -INFINITY }, { 1, 1 }, 0 },
		{ "inf * 0", { INFINITY, 0 }, { 0, 0 }, 0 },
		{ "NaN", { NAN, 0 }, { 1, 0 }, 0 },
		{ "c = NaN", { 1, 0 }, { 1, 0 }, NAN },
		{ "c = inf against -inf", { -INFINITY, 0 }, { 1, 0 }, INFINITY },
		{ "-0 * 1 - 0", { -0.0f, -0.0f }, { 1, 1 }, -0.0f },
		{ "1 - 1", { 1, -1 }, { 1, 1 }, 0 },
		{ "2^128 - 2^128 + 1", { 0x1p127f, -0x1p127f }, { 2, 2 }, 1 },
		{ "overflow", { 0x1p127f, 0x1p127f }, { 2, 2 }, 0 },
		{ "a negative sum cut to zero", { -0x1p-100f, 0 }, { 0x1p-100f, 0 }, 0 },
		{ "a positive sum cut to zero", { 0x1p-100f, 0 }, { 0x1p-100f, 0 }, 0 },
		{ "the same beside c = -0", { -0x1p-100f, 0 }, { 0x1p-100f, 0 }, -0.0f },
		{ "two negative terms cut to zero",
		  { -0x1p-100f, -0x1p-101f },
		  { 0x1p-100f, 1 },
		  0 },
		{ "subnormals, cut to zero", { -0x1p-130f, 0 }, { 0x1p-130f, 0 }, 0 },
		{ "smallest subnormal c", { 0, 0 }, { 0, 0 }, 0x1p-149f },
		{ "subnormal result, truncated", { -0x1.8p-70f, 0 }, { 0x1.8p-78f, 0 }, 0 },
		{ "truncation, not rounding", { 1, 1 }, { 1, 0x1.8p-24f }, 0 },
	};
	struct aios_tfdpa_unit u = aios_tfdpa_of(AIOS_PROFILE_TC_SM90, AIOS_BF16);
	size_t bad = 0, n = sizeof(probes) / sizeof(probes[0]);

	for (size_t p = 0; p < n; p++) {
		array<uint16_t> a(16 * 16 * STEPS), b(8 * 16 * STEPS);
		array<float> c(128), d(128);
		uint32_t want;

		for (int i = 0; i < 2; i++) {
			a.host[16 * block + i] = aios_f32_to_bf16(probes[p].a[i]);
			b.host[16 * block + i] = aios_f32_to_bf16(probes[p].b[i]);
		}
		c.host[0] = probes[p].c;
		a.up();
		b.up();
		c.up();
		mma_tiles<AIOS_BF16><<<1, 32>>>(a.dev, b.dev, c.dev, d.dev);
		d.down();
		want = aios_bits(
			aios_tfdpa_chain(u, a.host.data(), b.host.data(), 16 * STEPS, probes[p].c));
		printf("  %-30s %08x, defined %08x\n", probes[p].name, aios_bits(d.host[0]), want);
		bad += aios_bits(d.host[0]) != want;
	}
	report(block ? "probes in the last block" : "probes", bad, n);
}

int main()
{
	cudaDeviceProp prop;

	cuda(cudaGetDeviceProperties(&prop, 0), "cudaGetDeviceProperties");
	printf("%s, compute capability %d.%d\n", prop.name, prop.major, prop.minor);
	if (prop.major != 9) {
		printf("skipped: a Hopper GPU is needed\n");
		return 0;
	}
	check_functions();
	check_conversions();
	check_sums();
	check_probes(0);
	check_probes(STEPS - 1);
	for (int dist = 0; dist < DISTRIBUTIONS; dist++) {
		check_tiles("mma bf16", AIOS_PROFILE_TC_SM90, AIOS_BF16, dist, 1500, 16);
		check_tiles("mma f16", AIOS_PROFILE_TC_SM90, AIOS_F16, dist, 1500, 16);
		check_tiles("wgmma e4m3", AIOS_PROFILE_TC_SM90_E4M3, AIOS_E4M3, dist, 300, 64);
	}
	printf("%s\n", failures ? "FAILED" : "all equal");
	return failures != 0;
}
