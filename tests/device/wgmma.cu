// SPDX-License-Identifier: Apache-2.0
/*
 * wgmma.cu - matmul_wgmma.cuh on a Hopper GPU: every kernel against the definition of the dot
 * units, evaluated by one thread an output, bit for bit; then times beside cuBLASLt's fastest
 * algorithm. Build and run from the source folder:
 *
 *   gcc -std=gnu11 -O2 -c -Iinclude -Idrivers/gpu drivers/gpu/plan*.c drivers/gpu/check.c
 *   nvcc -gencode=arch=compute_90a,code=sm_90a -std=c++17 -O3 -fmad=false -ftz=false
 *        -prec-div=true -prec-sqrt=true -Xcompiler -ffp-contract=off,-mfma -Iinclude
 *        -Idrivers/gpu tests/device/wgmma.cu plan*.o check.o -lcublasLt -o device-wgmma
 *   ./device-wgmma [check|time|ours|tiles|bands]...
 *
 * Exit status 1 when any bit differs.
 */
#include <cstring>
#include <deque>

#include <cublasLt.h>

#include "matmul_wgmma.cuh"

#include "launch.h"

static const struct kernel kernels[] = {
	KERNEL(matmul_wgmma_bf16_256), KERNEL(matmul_wgmma_bf16_192), KERNEL(matmul_wgmma_bf16_128),
	KERNEL(matmul_wgmma_bf16_64),  KERNEL(matmul_wgmma_bf16_seg), KERNEL(matmul_wgmma_f16_256),
	KERNEL(matmul_wgmma_f16_64),   KERNEL(matmul_wgmma_f16_seg),  KERNEL(matmul_wgmma_i8_256),
	KERNEL(matmul_wgmma_i8_128),   KERNEL(matmul_wgmma_i8_64),    KERNEL(matmul_wgmma_i8x2_256),
	KERNEL(matmul_wgmma_i8x2_128),
};

static int failures;

/* --- data -------------------------------------------------------------------- */

enum {
	PLAIN,
	WIDE,    /* exponents far apart, zeros, now and then a subnormal */
	SPECIAL, /* the same with infinities and NaN */
};

__host__ __device__ static float number(uint32_t dist, uint64_t r)
{
	float g = ((float)(int16_t)r + (float)(int16_t)(r >> 16) + (float)(int16_t)(r >> 32)) *
		  0x1p-15f;
	int e = (int)(r >> 48 & 31) - 16;

	if (dist == PLAIN)
		return g;
	if (dist == SPECIAL && (r >> 53) % 300 == 0)
		return r & 1 ? aios_inf() : r & 2 ? -aios_inf() : aios_nan();
	return (r >> 58) % 3 == 0 ? 0.0f : aios_mul(g, aios_float((uint32_t)(e + 127) << 23));
}

/* Bytes of memory filled as elements of `dtype`. */
__global__ static void fill(uint8_t *p, uint64_t n, uint32_t dtype, uint32_t dist, uint64_t seed)
{
	uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x;

	for (; i < n; i += (uint64_t)gridDim.x * blockDim.x) {
		uint64_t r = mix(seed * 0x100000001b3u + i);

		if (dtype == AIOS_I8)
			p[i] = (uint8_t)(r >> 20);
		else if (dtype == AIOS_BF16)
			((uint16_t *)p)[i] = aios_f32_to_bf16(number(dist, r));
		else if (dtype == AIOS_F16)
			((uint16_t *)p)[i] = aios_f32_to_f16(number(dist, r));
		else
			((float *)p)[i] = number(dist, r);
	}
}

/* Plain rows of `bytes` into panels; what no row gives is zero. */
__global__ static void pack(uint8_t *to, const uint8_t *from, uint64_t rows, uint64_t bytes,
			    uint64_t from_pitch, uint64_t row_bytes)
{
	uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x;
	uint64_t n = GPU_PANEL_PAD_ROWS(rows) * row_bytes;

	for (; i < n; i += (uint64_t)gridDim.x * blockDim.x) {
		uint64_t r = i / row_bytes, at = i % row_bytes;

		to[GPU_PANEL_OFFSET(r, at, row_bytes)] =
			r < rows && at < bytes ? from[r * from_pitch + at] : 0;
	}
}

/* --- the definition ------------------------------------------------------------ */

/* Weight row n (plain, pitch k) with row t of x. */
__device__ static float defined_dot(const struct aios_op_matmul &op, const uint8_t *w, uint32_t t,
				    uint32_t n)
{
	uint32_t k = op.x.cols, len = k / op.segments;
	const uint8_t *x = gpu_row(&op.x, t);
	float part[AIOS_MAX_RANKS], v;

	if (op.profile != AIOS_PROFILE_TC_SM90) {
		const int8_t *hi = (const int8_t *)x, *lo = hi + op.x.plane_bytes;
		const int8_t *row = (const int8_t *)w + (uint64_t)n * k;
		int64_t sum = 0, low = 0;

		for (uint32_t i = 0; i < k; i++) {
			sum += hi[i] * row[i];
			if (op.profile == AIOS_PROFILE_I8X2)
				low += lo[i] * row[i];
		}
		v = op.profile == AIOS_PROFILE_I8 ? aios_i8_acc((int32_t)sum) :
						    aios_i8x2_acc(sum, low);
		v = aios_dequant(v, ((const float *)op.x.scale)[t], ((const float *)op.w.scale)[n]);
	} else {
		struct aios_tfdpa_unit u = aios_tfdpa_of(AIOS_PROFILE_TC_SM90, op.x.dtype);

		for (uint32_t s = 0; s < op.segments; s++)
			part[s] = aios_tfdpa_chain(u, x + 2 * (uint64_t)s * len,
						   w + ((uint64_t)n * k + (uint64_t)s * len) * 2,
						   len, 0.0f);
		for (uint32_t width = op.segments; width > 1; width /= 2)
			for (uint32_t s = 0; s < width / 2; s++)
				part[s] = aios_add(part[2 * s], part[2 * s + 1]);
		v = part[0];
	}
	if (op.bias)
		v = aios_add(v, gpu_load(gpu_ptr(op.bias), op.bias_dtype, n));
	return v;
}

/* Outputs first, first + step ...: count those that differ from `op.out`. */
__global__ static void defined(const struct aios_op_matmul op, const uint8_t *w,
			       const float *residual, uint64_t first, uint64_t step,
			       unsigned long long *bad)
{
	uint64_t i = first + (blockIdx.x * (uint64_t)blockDim.x + threadIdx.x) * step;
	uint64_t all = (uint64_t)op.out.rows * op.out.cols;

	for (; i < all; i += (uint64_t)gridDim.x * blockDim.x * step) {
		uint32_t t = (uint32_t)(i / op.out.cols), n = (uint32_t)(i % op.out.cols), have;
		float v = defined_dot(op, w, t, n), u;
		uint8_t want[4] = { 0, 0, 0, 0 };

		if (op.act) {
			u = aios_round_to(defined_dot(op, w, t, op.out.cols + n), op.mid_type);
			v = aios_round_to(v, op.mid_type);
			v = op.act == AIOS_ACT_SILU_MUL ? aios_silu(v) : aios_gelu_tanh(v);
			v = aios_mul(v, u);
		}
		if (residual)
			v = aios_add(residual[i], v);
		gpu_store(want, op.out.dtype, 0, v);
		have = op.out.dtype == AIOS_F32 ? ((const uint32_t *)gpu_row(&op.out, t))[n] :
						  ((const uint16_t *)gpu_row(&op.out, t))[n];
		if (have != *(uint32_t *)want && atomicAdd(bad, 1ull) < 3)
			printf("    [%u][%u]: have %08x, defined %08x\n", t, n, have,
			       *(uint32_t *)want);
	}
}

/* --- a matmul in device memory ------------------------------------------------------ */

struct shape {
	uint32_t profile, dtype, t, n, k, segments, act, mid, bias, residual, out, pad, dist;
};

struct matmul {
	struct shape s;
	struct aios_op_matmul op;
	std::deque<buffer> held;
	uint8_t *w;                  /* plain rows */
	float *residual;             /* plain rows */
	std::vector<aios_addr> sets; /* copies of the panels */
	uint64_t out_bytes;

	uint8_t *take(uint64_t bytes)
	{
		held.emplace_back(bytes);
		return (uint8_t *)held.back().p;
	}

	uint8_t *random(uint64_t elems, uint32_t dtype, uint32_t dist, uint64_t seed)
	{
		uint8_t *p = take(elems * 4);

		fill<<<1024, 256>>>(p, elems, dtype, dist, seed);
		return p;
	}

	matmul(const struct shape &shape, int copies) : s(shape)
	{
		bool i8 = s.profile != AIOS_PROFILE_TC_SM90;
		uint32_t elem = i8 ? 1 : 2, rows = s.act ? 2 * s.n : s.n;
		uint64_t x_row = ((uint64_t)s.k * elem + 15) / 16 * 16 + 16 * s.pad, out_elem;
		uint32_t in = i8 ? (uint32_t)AIOS_I8 : s.dtype;

		memset(&op, 0, sizeof(op));
		op.op.size = sizeof(op);
		op.op.type = AIOS_OP_MATMUL;
		op.profile = (uint8_t)s.profile;
		op.act = (uint8_t)s.act;
		op.mid_type = (uint8_t)s.mid;
		op.segments = s.segments;
		op.x.dtype = s.dtype;
		op.x.rows = op.out.rows = s.t;
		op.x.cols = op.w.cols = s.k;
		op.x.row_bytes = x_row;
		op.x.plane_bytes = s.profile == AIOS_PROFILE_I8X2 ? x_row * s.t : 0;
		op.x.data = (aios_addr)random(x_row * s.t * 2 / elem, in, s.dist, 1);
		if (i8) {
			op.x.scale = (aios_addr)random(s.t, AIOS_F32, PLAIN, 2);
			op.w.scale = (aios_addr)random(rows, AIOS_F32, PLAIN, 3);
		}
		op.w.dtype = in;
		op.w.layout = GPU_LAYOUT_PANELS;
		op.w.rows = rows;
		op.w.row_bytes = GPU_PANEL_ROW_BYTES(s.k, elem);
		w = random((uint64_t)rows * s.k, in, s.dist == SPECIAL ? WIDE : s.dist, 4);
		for (int i = 0; i < copies; i++) {
			uint8_t *p = take(GPU_PANEL_PAD_ROWS(rows) * op.w.row_bytes);

			pack<<<1024, 256>>>(p, w, rows, (uint64_t)s.k * elem, (uint64_t)s.k * elem,
					    op.w.row_bytes);
			sets.push_back((aios_addr)p);
		}
		op.w.data = sets[0];
		op.out.dtype = s.out;
		op.out.cols = s.n;
		out_elem = s.out == AIOS_F32 ? 4 : 2;
		op.out.row_bytes = (s.n * out_elem + 15) / 16 * 16 + 16 * s.pad;
		out_bytes = op.out.row_bytes * s.t;
		op.out.data = (aios_addr)take(out_bytes);
		cuda(cudaMemset((void *)op.out.data, 0xee, out_bytes), "memset");
		if (s.bias) {
			op.bias_dtype = (uint8_t)s.bias;
			op.bias = (aios_addr)random(rows, s.bias, PLAIN, 5);
		}
		residual = nullptr;
		if (s.residual) {
			residual = (float *)random((uint64_t)s.t * s.n, AIOS_F32, PLAIN, 6);
			op.residual = op.out;
			op.residual.dtype = AIOS_F32;
			if (s.out != AIOS_F32) {
				op.residual.row_bytes = (s.n * 4 + 15) / 16 * 16;
				op.residual.data = (aios_addr)take(op.residual.row_bytes * s.t);
			}
			cuda(cudaMemcpy2D((void *)op.residual.data, op.residual.row_bytes, residual,
					  s.n * 4, s.n * 4, s.t, cudaMemcpyDeviceToDevice),
			     "residual");
		}
		cuda(cudaDeviceSynchronize(), "setup");
	}
};

/* --- launches ----------------------------------------------------------------------- */

static struct gpu_caps caps = { 32, 132, MAX_SHARED, 90, 1 };

/* Without the part that all of them share. */
static const char *name_of(uint32_t kernel)
{
	return gpu_kernel_name(kernel) + strlen("gpu_matmul_wgmma_");
}

static void run(const struct gpu_launch &l)
{
	launch(l, kernel_of(kernels, l.kernel), l.args.bytes, false, nullptr);
}

/* The launch that the plan makes. */
static struct gpu_launch planned(const struct aios_op_matmul &op)
{
	struct gpu_launch l;
	struct aios_status st;
	struct plan p = { &caps, &l, 1, 0, &st };

	if (gpu_plan_wgmma(&p, &op) || p.n != 1) {
		fprintf(stderr, "no plan\n");
		exit(2);
	}
	return l;
}

/* The same with another tile. */
static struct gpu_launch with_tile(const struct aios_op_matmul &op, uint32_t kernel, uint32_t bn,
				   uint32_t band)
{
	struct gpu_launch l = planned(op);
	struct gpu_wgmma_args *a = (struct gpu_wgmma_args *)l.args.bytes;
	uint32_t tiles;

	l.kernel = kernel;
	a->tiles_n = (uint32_t)div_up(op.out.cols, op.act ? bn / 2 : bn);
	tiles = a->tiles_t * a->tiles_n;
	l.grid[0] = tiles < caps.units ? tiles : caps.units;
	l.shared = GPU_WGMMA_SHARED(bn);
	if (band)
		a->band = band;
	return l;
}

/* What kernels count in device memory. */
struct counter {
	buffer b;

	counter() : b(8)
	{
		b.put(std::vector<unsigned long long>(1));
	}
	unsigned long long *at() const
	{
		return (unsigned long long *)b.p;
	}
	/* After the kernels before it, one of which is `what`. */
	unsigned long long count(const char *what) const
	{
		cuda(cudaDeviceSynchronize(), what);
		return b.get<unsigned long long>()[0];
	}
};

/* --- checks ------------------------------------------------------------------------- */

static void check(const struct shape &s, uint32_t kernel, uint32_t bn, uint64_t step)
{
	matmul m(s, 1);
	struct gpu_launch l = kernel ? with_tile(m.op, kernel, bn, 0) : planned(m.op);
	std::vector<uint8_t> out(m.out_bytes);
	uint64_t used = (uint64_t)s.n * (s.out == AIOS_F32 ? 4 : 2), stray = 0;
	const char *name = name_of(l.kernel);
	unsigned long long n;
	counter bad;

	run(l);
	cuda(cudaDeviceSynchronize(), name);
	defined<<<528, 128>>>(m.op, m.w, m.residual, step / 2, step, bad.at());
	n = bad.count("defined");
	cuda(cudaMemcpy(out.data(), (void *)m.op.out.data, m.out_bytes, cudaMemcpyDeviceToHost),
	     "out");
	if (!(s.residual && s.out == AIOS_F32))
		for (uint64_t i = 0; i < m.out_bytes; i++)
			stray += i % m.op.out.row_bytes >= used && out[i] != 0xee;
	if (n || stray)
		printf("  %-9s T %u N %u K %u S %u act %u mid %u bias %u res %u out %u dist %u: "
		       "%llu differ, %llu stray bytes  FAILED\n",
		       name, s.t, s.n, s.k, s.segments, s.act, s.mid, s.bias, s.residual, s.out,
		       s.dist, n, (unsigned long long)stray);
	failures += n || stray;
}

struct tile {
	uint32_t kernel, bn, profile, dtype;
};

static const struct tile tiles[] = {
	{ GPU_K_matmul_wgmma_bf16_256, 256, AIOS_PROFILE_TC_SM90, AIOS_BF16 },
	{ GPU_K_matmul_wgmma_bf16_192, 192, AIOS_PROFILE_TC_SM90, AIOS_BF16 },
	{ GPU_K_matmul_wgmma_bf16_128, 128, AIOS_PROFILE_TC_SM90, AIOS_BF16 },
	{ GPU_K_matmul_wgmma_bf16_64, 64, AIOS_PROFILE_TC_SM90, AIOS_BF16 },
	{ GPU_K_matmul_wgmma_f16_256, 256, AIOS_PROFILE_TC_SM90, AIOS_F16 },
	{ GPU_K_matmul_wgmma_f16_64, 64, AIOS_PROFILE_TC_SM90, AIOS_F16 },
	{ GPU_K_matmul_wgmma_i8_256, 256, AIOS_PROFILE_I8, AIOS_I8 },
	{ GPU_K_matmul_wgmma_i8_128, 128, AIOS_PROFILE_I8, AIOS_I8 },
	{ GPU_K_matmul_wgmma_i8_64, 64, AIOS_PROFILE_I8, AIOS_I8 },
	{ GPU_K_matmul_wgmma_i8x2_256, 256, AIOS_PROFILE_I8X2, AIOS_I8X2 },
	{ GPU_K_matmul_wgmma_i8x2_128, 128, AIOS_PROFILE_I8X2, AIOS_I8X2 },
};

static void check_all(void)
{
	static const uint32_t outs[] = { AIOS_F32, AIOS_BF16, AIOS_F16 };
	static const uint32_t biases[] = { 0, AIOS_BF16, AIOS_F32, AIOS_F16 };
	static const uint32_t sizes[][3] = { { 1, 8, 16 },      { 65, 24, 40 },
					     { 128, 256, 64 },  { 129, 264, 136 },
					     { 200, 520, 999 }, { 77, 1000, 1088 },
					     { 300, 48, 3000 }, { 256, 512, 512 } };
	static const uint32_t big[][3] = { { 8192, 6144, 4096 }, { 1000, 4096, 12288 } };
	uint32_t i = 0, before;

	for (const struct tile &tile : tiles) {
		before = (uint32_t)failures;
		for (const uint32_t *size : sizes) {
			for (uint32_t act = 0; act < 3; act++, i++) {
				struct shape s = { tile.profile,
						   tile.dtype,
						   size[0],
						   size[1],
						   size[2],
						   1,
						   act,
						   outs[i % 3],
						   biases[i % 4],
						   !act && i % 2,
						   outs[i / 2 % 3],
						   i % 3 == 1,
						   i % 5 == 4 ? (uint32_t)SPECIAL :
								(uint32_t)(i % 2) };

				if (!act)
					s.n -= i % 5; /* tails of single columns */
				check(s, tile.kernel, tile.bn, 1);
			}
		}
		for (const uint32_t *size : big) {
			struct shape s = {
				tile.profile, tile.dtype, size[0], size[1], size[2], 1, 0, 0, 0, 1,
				AIOS_F32,     0,          PLAIN
			};

			check(s, tile.kernel, tile.bn, 1009);
			s.residual = 0;
			s.act = 1;
			s.mid = s.out = AIOS_BF16;
			check(s, tile.kernel, tile.bn, 1009);
		}
		printf("check: %s %u: %s\n",
		       tile.dtype == AIOS_BF16 ? "bf16" :
		       tile.dtype == AIOS_F16  ? "f16" :
		       tile.dtype == AIOS_I8   ? "i8" :
						 "i8x2",
		       tile.bn, before == (uint32_t)failures ? "equal" : "FAILED");
	}
	before = (uint32_t)failures;
	for (uint32_t segments = 2; segments <= 16; segments *= 2) {
		for (uint32_t k = 16; k <= 320; k += 16, i++) {
			struct shape s = { AIOS_PROFILE_TC_SM90,
					   i % 2 ? (uint32_t)AIOS_BF16 : (uint32_t)AIOS_F16,
					   90 + i,
					   96,
					   k * segments,
					   segments,
					   i % 3,
					   outs[i % 3],
					   biases[i % 4],
					   i % 3 == 0,
					   outs[i / 2 % 3],
					   i % 2,
					   i % 3 };

			check(s, 0, 0, 1);
		}
	}
	printf("check: segments: %s\n", before == (uint32_t)failures ? "equal" : "FAILED");
}

template <bool F16> __device__ static uint32_t rounded(float x)
{
	uint32_t a = gpu_canon_pair<F16>(gpu_round_pair<F16>(x, 1.0f));
	uint32_t b = gpu_canon_pair<F16>(gpu_round_pair<F16>(1.0f, x));

	return (a & 0xffff) == b >> 16 ? b >> 16 : ~0u;
}

/* The sigmoid of the epilogue against that of the contract, for every float. */
__global__ static void compare_acts(unsigned long long *bad)
{
	uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x;

	for (; i < (uint64_t)1 << 32; i += (uint64_t)gridDim.x * blockDim.x) {
		float x = aios_float((uint32_t)i);

		if (aios_bits(aios_canon(wgmma_sigmoid(x))) !=
			    aios_bits(aios_canon(aios_sigmoid(x))) ||
		    rounded<false>(x) != aios_f32_to_bf16(x) ||
		    rounded<true>(x) != aios_f32_to_f16(x))
			atomicAdd(bad, 1ull);
	}
}

static void check_acts(void)
{
	unsigned long long n;
	counter bad;

	compare_acts<<<1320, 256>>>(bad.at());
	n = bad.count("acts");
	printf("check: sigmoid, bf16, f16 of all floats: %s (%llu)\n", n ? "FAILED" : "equal", n);
	failures += n != 0;
}

/* --- times ---------------------------------------------------------------------- */

/* Median microseconds of a call; `call(i)` enqueues the i-th. */
template <class F> static double median_us(F call, int n)
{
	std::vector<cudaEvent_t> e((size_t)n + 1);
	std::vector<float> ms;

	for (cudaEvent_t &v : e)
		cuda(cudaEventCreate(&v), "event");
	for (int i = 0; i < 3; i++)
		call(i);
	for (int i = 0; i < n; i++) {
		cuda(cudaEventRecord(e[(size_t)i]), "record");
		call(i);
	}
	cuda(cudaEventRecord(e[(size_t)n]), "record");
	cuda(cudaDeviceSynchronize(), "run");
	for (int i = 0; i < n; i++) {
		float v;

		cuda(cudaEventElapsedTime(&v, e[(size_t)i], e[(size_t)i + 1]), "elapsed");
		ms.push_back(v);
	}
	for (cudaEvent_t v : e)
		cudaEventDestroy(v);
	return median(ms) * 1e3;
}

static double time_launch(matmul &m, struct gpu_launch l, int n)
{
	struct gpu_wgmma_args *a = (struct gpu_wgmma_args *)l.args.bytes;

	return median_us(
		[&](int i) {
			a->op.w.data = m.sets[(size_t)i % m.sets.size()];
			run(l);
		},
		n);
}

/* cuBLASLt's fastest algorithm for the plain product; microseconds, 0 if there is none. */
static double time_cublas(matmul &m, int n)
{
	bool i8 = m.s.profile != AIOS_PROFILE_TC_SM90;
	cudaDataType_t in = i8 ? CUDA_R_8I : m.s.dtype == AIOS_BF16 ? CUDA_R_16BF : CUDA_R_16F;
	cudaDataType_t to = i8 ? CUDA_R_32I : in;
	uint64_t rows = m.s.act ? 2 * m.s.n : m.s.n, k = m.s.k, t = m.s.t;
	cublasComputeType_t type = i8 ? CUBLAS_COMPUTE_32I : CUBLAS_COMPUTE_32F;
	cublasOperation_t trans = CUBLAS_OP_T;
	cublasLtMatmulHeuristicResult_t found[12];
	cublasLtMatmulPreference_t pref;
	cublasLtMatrixLayout_t a, b, c;
	cublasLtMatmulDesc_t d;
	static cublasLtHandle_t lt;
	static void *space;
	size_t space_bytes = 64 << 20;
	uint8_t *w = (uint8_t *)m.sets[0], *out;
	float one = 1, zero = 0;
	int32_t one_i = 1, zero_i = 0;
	double best = 0;
	int count = 0;

	if (!lt && cublasLtCreate(&lt))
		return 0;
	if (!space)
		cuda(cudaMalloc(&space, space_bytes), "cudaMalloc");
	cuda(cudaMalloc(&out, rows * t * 4), "cudaMalloc");
	cublasLtMatmulDescCreate(&d, type, i8 ? CUDA_R_32I : CUDA_R_32F);
	cublasLtMatmulDescSetAttribute(d, CUBLASLT_MATMUL_DESC_TRANSA, &trans, sizeof(trans));
	cublasLtMatrixLayoutCreate(&a, in, k, rows, (int64_t)k);
	cublasLtMatrixLayoutCreate(&b, in, k, t, (int64_t)k);
	cublasLtMatrixLayoutCreate(&c, to, rows, t, (int64_t)rows);
	cublasLtMatmulPreferenceCreate(&pref);
	cublasLtMatmulPreferenceSetAttribute(pref, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
					     &space_bytes, sizeof(space_bytes));
	cublasLtMatmulAlgoGetHeuristic(lt, d, a, b, c, c, pref, 12, found, &count);
	for (int i = 0; i < count; i++) {
		bool ok = true;
		double us = median_us(
			[&](int at) {
				const void *from = (const void *)m.sets[(size_t)at % m.sets.size()];

				ok = ok &&
				     !cublasLtMatmul(lt, d, i8 ? (void *)&one_i : &one, from, a,
						     (void *)m.op.x.data, b,
						     i8 ? (void *)&zero_i : &zero, out, c, out, c,
						     &found[i].algo, space, space_bytes, 0);
			},
			n);

		if (ok && (best == 0 || us < best))
			best = us;
	}
	(void)w;
	cublasLtMatmulPreferenceDestroy(pref);
	cublasLtMatrixLayoutDestroy(a);
	cublasLtMatrixLayoutDestroy(b);
	cublasLtMatrixLayoutDestroy(c);
	cublasLtMatmulDescDestroy(d);
	cudaFree(out);
	return best;
}

static const uint32_t layers[][4] = {
	/* N, K, act, residual */
	{ 6144, 4096, 0, 0 }, { 4096, 4096, 0, 1 }, { 12288, 4096, 1, 0 }, { 4096, 12288, 0, 1 },
	{ 4096, 1024, 0, 0 }, { 1024, 2048, 0, 1 }, { 3072, 1024, 1, 0 },  { 1024, 3072, 0, 1 },
};

static struct shape layer(const uint32_t l[4], const struct tile &tile, uint32_t t)
{
	struct shape s = { tile.profile,
			   tile.dtype,
			   t,
			   l[0],
			   l[1],
			   1,
			   l[2],
			   l[2] ? (uint32_t)AIOS_BF16 : 0,
			   0,
			   l[3],
			   l[3] ? (uint32_t)AIOS_F32 : (uint32_t)AIOS_BF16,
			   0,
			   PLAIN };
	return s;
}

static double flops(const struct shape &s)
{
	return 2.0 * s.t * s.n * (s.act ? 2 : 1) * s.k;
}

/* So many copies of the weights that the L2 cache cannot keep them. */
static int copies(const struct shape &s)
{
	double bytes = (double)s.n * (s.act ? 2 : 1) * s.k * (s.dtype == AIOS_BF16 ? 2 : 1);

	return bytes > 150e6 ? 1 : 1 + (int)(150e6 / bytes);
}

static void times(bool every_tile, bool cublas)
{
	static const uint32_t rows[] = { 8192, 2048, 512, 256, 128, 65 };
	static const struct tile kinds[] = { tiles[0], tiles[6], tiles[9] };

	for (const struct tile &kind : kinds) {
		for (uint32_t t : rows) {
			for (const uint32_t *l : layers) {
				struct shape s = layer(l, kind, t);
				matmul m(s, t <= 512 ? copies(s) : 1);
				struct gpu_launch plan = planned(m.op);
				double us, blas = cublas ? time_cublas(m, 8) : 0;
				const char *name = name_of(plan.kernel);

				us = time_launch(m, plan, 12);
				printf("T %4u N %5u K %5u %s %-9s %8.1f us %6.0f TFLOP/s "
				       "%5.2f TB/s of weights",
				       t, s.n * (s.act ? 2 : 1), s.k, s.act ? "act" : "   ", name,
				       us, flops(s) / us * 1e-6,
				       (double)s.n * (s.act ? 2 : 1) * s.k *
					       (s.dtype == AIOS_BF16 ? 2 : 1) / us * 1e-6);
				if (blas > 0)
					printf(", cublas %8.1f us %6.0f", blas,
					       flops(s) / blas * 1e-6);
				if (every_tile)
					for (const struct tile &tile : tiles)
						if (tile.profile == kind.profile &&
						    tile.dtype == kind.dtype)
							printf(", %u: %.1f", tile.bn,
							       time_launch(m,
									   with_tile(m.op,
										     tile.kernel,
										     tile.bn, 0),
									   8));
				printf("\n");
			}
		}
	}
}

/* How many tiles along rows to walk together. */
static void bands(void)
{
	for (uint32_t t : { 8192u, 2048u }) {
		for (const uint32_t *l : layers) {
			struct shape s = layer(l, tiles[0], t);
			matmul m(s, 1);

			printf("T %u N %u K %u:", t, s.n * (s.act ? 2 : 1), s.k);
			for (uint32_t band : { 8u, 16u }) {
				struct gpu_launch l = with_tile(m.op, tiles[0].kernel, 256, band);
				double us = time_launch(m, l, 8);

				printf(" %u: %.0f", band, flops(s) / us * 1e-6);
			}
			printf("\n");
		}
	}
}

int main(int argc, char **argv)
{
	struct cudaDeviceProp prop;
	bool all = argc < 2;

	cuda(cudaGetDeviceProperties(&prop, 0), "no device");
	caps.units = (uint32_t)prop.multiProcessorCount;
	printf("%s, %u multiprocessors\n", prop.name, caps.units);
	for (int i = 1; i < argc || all; i++) {
		const char *what = all ? "check" : argv[i];

		if (strcmp(what, "check") == 0) {
			check_acts();
			check_all();
		}
		if (all || strcmp(what, "time") == 0)
			times(false, true);
		if (strcmp(what, "ours") == 0)
			times(false, false);
		if (strcmp(what, "tiles") == 0)
			times(true, false);
		if (strcmp(what, "bands") == 0)
			bands();
		if (all)
			break;
	}
	printf(failures ? "FAILED: %d\n" : "all equal\n", failures);
	return failures != 0;
}
