// SPDX-License-Identifier: Apache-2.0
/*
 * matmul.cu - matmul_stream on a Hopper GPU: bits against the contract's definitions, and time
 * against the bandwidth at which this device reads, measured in the same run. Build and run from
 * the source folder:
 *
 *   for f in plan plan_matmul plan_wgmma plan_attention check; do
 *       gcc -std=gnu11 -O2 -Iinclude -c drivers/gpu/$f.c -o build/device-$f.o; done
 *   nvcc -gencode=arch=compute_90a,code=sm_90a -std=c++17 -O3 -fmad=false -ftz=false
 *        -prec-div=true -prec-sqrt=true -Xcompiler -ffp-contract=off,-mfma -Iinclude -Idrivers/gpu
 *        -Itests/shim tests/device/matmul.cu build/device-*.o -o build/device-matmul
 *   build/device-matmul [check|time|tune]
 *
 * Times are of graphs of launches that may overlap (programmatic dependent launch), each with
 * weights of its own, together several times the cache. Exit status 1 when any bit differs.
 */
#include <cstring>
#include <deque>
#include <string>

#include <cudaTypedefs.h>

#include "matmul_any.cuh"
#include "matmul_batch.cuh"
#include "matmul_stream.cuh"
#include "norm_factor.cuh"

#include "launch.h"
#include "matmul_ref.h"

static int failures;

/* --- kernels by number ----------------------------------------------------------- */

static const struct kernel kernels[] = {
	KERNEL(matmul_batch_bf16_16),    KERNEL(matmul_batch_bf16_32),
	KERNEL(matmul_batch_bf16_48),    KERNEL(matmul_batch_bf16_64),
	KERNEL(matmul_batch_bf16_96),    KERNEL(matmul_batch_bf16_192),
	KERNEL(matmul_batch_f16_16),     KERNEL(matmul_batch_f16_32),
	KERNEL(matmul_batch_f16_48),     KERNEL(matmul_batch_f16_64),
	KERNEL(matmul_batch_f16_96),     KERNEL(matmul_batch_f16_192),
	KERNEL(matmul_batch_i8_16),      KERNEL(matmul_batch_i8_32),
	KERNEL(matmul_batch_i8_48),      KERNEL(matmul_batch_i8_64),
	KERNEL(matmul_batch_i8_96),      KERNEL(matmul_batch_i8_192),
	KERNEL(matmul_batch_i8x2_16),    KERNEL(matmul_batch_i8x2_32),
	KERNEL(matmul_batch_i8x2_48),    KERNEL(matmul_batch_i8x2_64),
	KERNEL(matmul_batch_i8x2_96),    KERNEL(matmul_batch_i8x2_192),
	KERNEL(matmul_stream_bf16_8_1),  KERNEL(matmul_stream_bf16_8_2),
	KERNEL(matmul_stream_bf16_16_1), KERNEL(matmul_stream_bf16_16_2),
	KERNEL(matmul_stream_f16_8_1),   KERNEL(matmul_stream_f16_8_2),
	KERNEL(matmul_stream_f16_16_1),  KERNEL(matmul_stream_f16_16_2),
	KERNEL(matmul_stream_i8_8_1),    KERNEL(matmul_stream_i8_8_2),
	KERNEL(matmul_stream_i8_16_1),   KERNEL(matmul_stream_i8_16_2),
	KERNEL(matmul_stream_bf16_32_2), KERNEL(matmul_stream_f16_32_2),
	KERNEL(matmul_stream_i8_32_2),   KERNEL(matmul_stream_i8x2_32_2),
	KERNEL(matmul_stream_i8x2_8_1),  KERNEL(matmul_stream_i8x2_8_2),
	KERNEL(matmul_stream_i8x2_16_2), KERNEL(matmul_stream_seg_bf16),
	KERNEL(matmul_stream_seg_f16),
};

/* --- tensor maps ------------------------------------------------------------------ */

/* The driver's own function, without its library. */
static PFN_cuTensorMapEncodeTiled_v12000 map_encode(void)
{
	cudaDriverEntryPointQueryResult result;
	static void *fn;

	if (!fn)
		cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &fn, 12000,
						      cudaEnableDefault, &result),
		     "cuTensorMapEncodeTiled");
	return (PFN_cuTensorMapEncodeTiled_v12000)fn;
}

/* The plan's maps into the arguments, as drivers/cuda does it. */
static void encode(const struct gpu_launch &l, void *args)
{
	static const cuuint32_t steps[4] = { 1, 1, 1, 1 };

	for (uint32_t i = 0; i < l.n_maps; i++) {
		const struct gpu_map &m = l.maps[i];
		CUtensorMap map;
		CUresult r = map_encode()(
			&map,
			m.elem_bytes == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8 :
					    CU_TENSOR_MAP_DATA_TYPE_UINT16,
			m.rank, (void *)m.base, (const cuuint64_t *)m.dims,
			(const cuuint64_t *)m.strides, m.box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
			m.swizzle ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE,
			CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);

		if (r != CUDA_SUCCESS) {
			fprintf(stderr, "%s: map %u: error %d\n", gpu_kernel_name(l.kernel), i, r);
			exit(2);
		}
		memcpy((unsigned char *)args + m.at, &map, sizeof(map));
	}
}

/* --- data ------------------------------------------------------------------------- */

__host__ __device__ static uint32_t hash(uint64_t i)
{
	return (uint32_t)(mix(i) >> 16);
}

/* Element `col` of row `row`: about normal bf16 or f16 numbers, or bytes in +-127. */
__host__ __device__ static uint32_t element(uint32_t seed, uint32_t row, uint32_t col, bool bytes,
					    bool f16)
{
	uint32_t r = hash(((uint64_t)seed << 56) ^ ((uint64_t)row << 24) ^ col);
	float v;

	if (bytes)
		return (uint32_t)(uint8_t)(int8_t)((int32_t)(r % 255) - 127);
	v = (float)((int32_t)(r & 0xffff) - 32768) * 0x1p-15f;
	v = aios_mul(v, aios_float((r >> 16 & 7) + 122u << 23));
	return f16 ? aios_f32_to_f16(v) : aios_f32_to_bf16(v);
}

/* A tensor in panels, or in plain rows. */
__global__ void fill(unsigned char *out, uint32_t seed, uint32_t rows, uint32_t cols,
		     uint64_t row_bytes, uint64_t bytes, int elem, bool f16, bool panels)
{
	uint64_t n = bytes / elem;

	for (uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x; i < n;
	     i += (uint64_t)gridDim.x * blockDim.x) {
		uint64_t at = i * elem, panel = at / (8 * row_bytes), in = at % (8 * row_bytes);
		uint64_t row = panel * 8 + in % 128 / 16, col = (in / 128 * 16 + in % 16) / elem;
		uint32_t v;

		if (!panels) {
			row = at / row_bytes;
			col = at % row_bytes / elem;
		}
		v = row < rows && col < cols ?
			    element(seed, (uint32_t)row, (uint32_t)col, elem == 1, f16) :
			    0;
		if (elem == 1)
			out[i] = (unsigned char)v;
		else
			((uint16_t *)out)[i] = (uint16_t)v;
	}
}

struct shape {
	const char *name;
	uint32_t n, k; /* n: outputs; with act twice as many weight rows */
	bool act, residual;
};

static const struct shape shapes[] = {
	{ "8B qkv", 6144, 4096, false, false },
	{ "8B o", 4096, 4096, false, true },
	{ "8B gate_up", 12288, 4096, true, false },
	{ "8B down", 4096, 12288, false, true },
	{ "8B lm_head", 151936, 4096, false, false },
	{ "0.6B qkv", 4096, 1024, false, false },
	{ "0.6B o", 1024, 2048, false, true },
	{ "0.6B gate_up", 3072, 1024, true, false },
	{ "0.6B down", 1024, 3072, false, true },
	{ "0.6B lm_head", 151936, 1024, false, false },
};

/* An op with weights in `copies` places. */
struct bed {
	struct aios_op_matmul op;
	std::deque<buffer> held;
	std::vector<aios_addr> w;

	bed(const struct shape &s, uint32_t rows, uint32_t profile, uint32_t dtype,
	    uint32_t copies);
	aios_addr take(uint64_t bytes)
	{
		held.emplace_back(bytes);
		return held.back().addr();
	}
	aios_addr made(uint32_t seed, uint32_t rows, uint32_t cols, uint64_t row_bytes,
		       uint64_t bytes, int elem, bool f16, bool panels)
	{
		aios_addr at = take(bytes);

		fill<<<1024, 256>>>((unsigned char *)at, seed, rows, cols, row_bytes, bytes, elem,
				    f16, panels);
		cuda(cudaGetLastError(), "fill");
		return at;
	}
};

bed::bed(const struct shape &s, uint32_t rows, uint32_t profile, uint32_t dtype, uint32_t copies)
{
	uint32_t w_rows = s.act ? 2 * s.n : s.n;
	int elem = dtype == AIOS_I8 || dtype == AIOS_I8X2 ? 1 : 2;
	uint64_t w_bytes, out_bytes = (uint64_t)rows * s.n * 4;
	bool f16 = dtype == AIOS_F16;

	memset(&op, 0, sizeof(op));
	op.op.size = sizeof(op);
	op.op.type = AIOS_OP_MATMUL;
	op.profile = (uint8_t)profile;
	op.segments = 1;
	op.act = s.act ? AIOS_ACT_SILU_MUL : 0;
	op.mid_type = AIOS_F32;
	op.x.dtype = dtype;
	op.x.rows = rows;
	op.x.cols = s.k;
	op.x.row_bytes = (uint64_t)s.k * elem;
	op.x.plane_bytes = dtype == AIOS_I8X2 ? rows * op.x.row_bytes : 0;
	op.x.data =
		made(1, 2 * rows, s.k, op.x.row_bytes, 2 * rows * op.x.row_bytes, elem, f16, false);
	op.w.dtype = elem == 1 ? AIOS_I8 : dtype;
	op.w.layout = GPU_LAYOUT_PANELS;
	op.w.rows = w_rows;
	op.w.cols = s.k;
	op.w.row_bytes = GPU_PANEL_ROW_BYTES(s.k, elem);
	w_bytes = GPU_PANEL_PAD_ROWS(w_rows) * op.w.row_bytes;
	for (uint32_t i = 0; i < copies; i++)
		w.push_back(made(2 + i, w_rows, s.k, op.w.row_bytes, w_bytes, elem, f16, true));
	op.w.data = w[0];
	op.out.dtype = s.act ? AIOS_BF16 : AIOS_F32;
	op.out.rows = rows;
	op.out.cols = s.n;
	op.out.row_bytes = (uint64_t)s.n * 4;
	op.out.data = take(out_bytes);
	cuda(cudaMemset((void *)op.out.data, 0xa5, out_bytes), "cudaMemset");
	if (s.residual) {
		op.residual = op.out;
		op.residual.dtype = AIOS_F32;
		op.residual.data = take(out_bytes);
		cuda(cudaMemset((void *)op.residual.data, 0, out_bytes), "cudaMemset");
	}
	if (elem == 1) {
		op.w.scale = take((w_rows + rows) * 4);
		op.x.scale = op.w.scale + w_rows * 4;
		held.back().put(std::vector<float>(w_rows + rows, 0x1.8p-9f));
	}
}

/* --- bits ---------------------------------------------------------------------------- */

static float host_dot(const struct bed &b, uint32_t t, uint32_t n)
{
	const uint32_t k = b.op.x.cols, dtype = b.op.x.dtype;
	bool bytes = dtype == AIOS_I8 || dtype == AIOS_I8X2, f16 = dtype == AIOS_F16;
	std::vector<uint16_t> x(k), w(k), lo(k);
	struct ref_rows r = { x.data(), dtype == AIOS_I8X2 ? lo.data() : nullptr, w.data(),
			      0x1.8p-9f, 0x1.8p-9f };

	for (uint32_t i = 0; i < k; i++) {
		uint32_t e = element(1, t, i, bytes, f16), f = element(2, n, i, bytes, f16);

		if (bytes) {
			((uint8_t *)x.data())[i] = (uint8_t)e;
			((uint8_t *)w.data())[i] = (uint8_t)f;
			((uint8_t *)lo.data())[i] =
				(uint8_t)element(1, t + b.op.x.rows, i, true, false);
		} else {
			x[i] = (uint16_t)e;
			w[i] = (uint16_t)f;
		}
	}
	return ref_dot(&b.op, &r);
}

static int check_bits(const struct bed &b, uint32_t samples)
{
	uint32_t rows = b.op.x.rows, n = b.op.out.cols, bad = 0,
		 elem = b.op.out.dtype == AIOS_F32 ? 4 : 2;
	std::vector<unsigned char> out(rows * b.op.out.row_bytes);
	float zero = 0.0f;

	cuda(cudaMemcpy(out.data(), (void *)b.op.out.data, out.size(), cudaMemcpyDeviceToHost),
	     "out");
	for (uint32_t i = 0; i < samples; i++) {
		uint32_t t = hash(i * 2) % rows, c = i < 16 ? n - 1 - i : hash(i * 2 + 1) % n,
			 want = 0, got = 0;
		float v = ref_finish(&b.op, host_dot(b, t, c),
				     b.op.act ? host_dot(b, t, n + c) : 0.0f, nullptr, nullptr,
				     b.op.residual.data ? &zero : nullptr);

		if (elem == 4)
			want = aios_bits(v);
		else
			want = aios_f32_to_bf16(v);
		memcpy(&got, &out[t * b.op.out.row_bytes + c * elem], elem);
		bad += want != got;
	}
	return (int)bad;
}

/* --- time ----------------------------------------------------------------------------- */

#define REPEAT 5

/* The arguments of either kernel. */
union any_args {
	struct gpu_stream_args stream;
	struct gpu_batch_args batch;
};

/* Make them use the weights at w. */
static void set_weights(struct gpu_launch l, union any_args *a, aios_addr w)
{
	if (l.n_maps == 0) {
		a->stream.op.w.data = w;
		return;
	}
	a->batch.op.w.data = l.maps[1].base = w;
	encode(l, a);
}

static void run(const struct gpu_launch &l, const void *args, cudaStream_t stream)
{
	launch(l, kernel_of(kernels, l.kernel), args, true, stream);
}

/* Microseconds of one launch: the best of a few runs of a graph that goes through all copies. */
static double time_launch(const struct bed &b, union any_args a, const struct gpu_launch &l)
{
	uint32_t n = (uint32_t)b.w.size(), loops = n < 24 ? (24 + n - 1) / n : 1;
	float best = 1e9f;
	graph_clock clock([&](cudaStream_t stream) {
		for (uint32_t i = 0; i < loops * n; i++) {
			set_weights(l, &a, b.w[i % n]);
			run(l, &a, stream);
		}
	});

	clock.ms();
	for (int i = 0; i < REPEAT; i++)
		best = std::min(best, clock.ms());
	return best * 1e3 / (loops * n);
}

static const struct kind {
	const char *name;
	uint32_t profile, dtype;
} kinds[] = {
	{ "bf16", AIOS_PROFILE_TC_SM90, AIOS_BF16 },
	{ "f16", AIOS_PROFILE_TC_SM90, AIOS_F16 },
	{ "i8", AIOS_PROFILE_I8, AIOS_I8 },
	{ "i8x2", AIOS_PROFILE_I8X2, AIOS_I8X2 },
};

static const struct gpu_caps caps = {
	.wave = 32, .units = 132, .shared_max = MAX_SHARED, .arch = 90, .maps = true
};

static uint32_t copies_of(const struct shape &s, int elem)
{
	uint64_t bytes = (uint64_t)s.n * (s.act ? 2 : 1) * s.k * elem;
	uint64_t n = ((uint64_t)400 << 20) / bytes + 1;

	return (uint32_t)std::min<uint64_t>(std::max<uint64_t>(n, 2), 64);
}

struct result {
	double us;
	std::string text;
};

static std::vector<struct result> results; /* of one op's variants */

static void report(const struct kind &k, const struct shape &s, const struct bed &b,
		   const struct gpu_stream_tune &tune, double rate, uint32_t samples)
{
	union any_args a = {};
	struct gpu_launch l = {};
	bool batch = b.op.x.rows > 16, ok;
	double us, tbs;
	char line[256], how[128];
	int bad = 0;

	ok = batch ? gpu_batch_shape(&caps, &b.op, &tune, &a.batch, &l) :
		     gpu_stream_shape(&caps, &b.op, &tune, &a.stream, &l);
	if (!ok) {
		printf("%-5s %-12s %3u  no plan\n", k.name, s.name, b.op.x.rows);
		return;
	}
	if (batch)
		snprintf(how, sizeof(how), "%s x %u w %u x %u, %u KiB",
			 gpu_kernel_name(l.kernel) + 17, a.batch.x_stages, a.batch.w_slice,
			 a.batch.w_stages, l.shared >> 10);
	else
		snprintf(how, sizeof(how), "warps %u x %u slice %u stages %u x %u", a.stream.warps,
			 a.stream.panels, a.stream.slice, a.stream.stages, a.stream.whole);
	set_weights(l, &a, b.w[0]);
	us = time_launch(b, a, l);
	tbs = (double)(s.act ? 2 : 1) * s.n * b.op.w.row_bytes / us * 1e-6;
	if (samples) {
		run(l, &a, nullptr);
		cuda(cudaDeviceSynchronize(), "check");
		bad = check_bits(b, samples);
		failures += bad;
	}
	snprintf(line, sizeof(line), "%-5s %-12s %3u %8.2f us %6.3f TB/s %5.1f %%  %s%s", k.name,
		 s.name, b.op.x.rows, us, tbs, 100 * tbs / rate, how, bad ? "  BITS DIFFER" : "");
	results.push_back({ us, line });
}

/* Print the first, which is as planned, and the best of the others. */
static void print_results(size_t best)
{
	size_t n = results.size();

	if (n == 0)
		return;
	printf("%s\n", results[0].text.c_str());
	std::sort(results.begin() + 1, results.end(),
		  [](const result &a, const result &b) { return a.us < b.us; });
	for (size_t i = 1; i < n && i <= best; i++)
		printf("    + %s\n", results[i].text.c_str() + 6);
	fflush(stdout);
	results.clear();
}

/* All shapes as they are planned. */
static void time_shapes(double rate)
{
	static const uint32_t rows[] = { 1, 4, 8, 16, 32, 64 };

	for (const struct kind &k : kinds)
		for (const struct shape &s : shapes)
			for (uint32_t r : rows) {
				struct gpu_stream_tune tune = {};
				int elem = k.profile == AIOS_PROFILE_TC_SM90 ? 2 : 1;

				if ((strcmp(k.name, "f16") == 0 ||
				     (k.dtype == AIOS_I8 && r > 1 && r < 64)) &&
				    (s.k != 4096 || s.n != 4096))
					continue;
				struct bed b(s, r, k.profile, k.dtype, copies_of(s, elem));
				report(k, s, b, tune, rate, 40);
				print_results(0);
			}
}

/* Variants of the plan, bf16. */
static void tune_op(const struct shape &s, const struct bed &b, double rate)
{
	uint32_t rows = b.op.x.rows;

	for (uint32_t slice : { 128u, 256u, 512u })
		for (uint32_t budget : { 80u, 112u, 200u, 225u })
			for (uint32_t v = 1; v < 3; v++) {
				struct gpu_stream_tune tune = {};

				if (rows > 16 && (v == 2 || slice == 512))
					continue;
				if (rows <= 16 && slice == 128)
					continue;
				if (s.n > 100000 && budget == 80)
					continue;
				tune.slice = slice;
				tune.budget = budget << 10;
				tune.whole = v;
				report(kinds[0], s, b, tune, rate, 0);
			}
	print_results(2);
}

static void tune_shapes(double rate)
{
	for (const struct shape &s : shapes)
		for (uint32_t r : { 1u, 64u }) {
			struct bed b(s, r, kinds[0].profile, kinds[0].dtype, copies_of(s, 2));

			report(kinds[0], s, b, {}, rate, 0);
			tune_op(s, b, rate);
		}
}

/* The norm's factor against the contract's, for every sum of squares, of a power of two or not. */
__global__ static void compare_factors(unsigned long long *bad)
{
	uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x;

	for (; i < (uint64_t)1 << 32; i += (uint64_t)gridDim.x * blockDim.x)
		for (uint32_t cols : { 1024u, 960u }) {
			const float sum = aios_float((uint32_t)i);
			const float r = norm_factor(sum, cols, 0.0f);

			if (aios_bits(aios_canon(r)) !=
			    aios_bits(aios_canon(aios_rms_factor(sum, cols, 0.0f))))
				atomicAdd(bad, 1ull);
		}
}

static void check_factors(void)
{
	buffer bad(sizeof(unsigned long long));

	bad.put(std::vector<unsigned long long>{ 0 });
	compare_factors<<<1320, 256>>>((unsigned long long *)bad.p);
	cuda(cudaDeviceSynchronize(), "factors");
	if (bad.get<unsigned long long>()[0] == 0)
		return;
	printf("factors of the norm: BITS DIFFER\n");
	failures++;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "time";
	double rate = read_rate() * 1e-12; /* TB/s */

	printf("reads at %.3f TB/s\n", rate);
	check_factors();
	if (strcmp(what, "tune") == 0)
		tune_shapes(rate);
	else
		time_shapes(rate);
	printf("%s\n", failures ? "BITS DIFFER" : "all bits as on the host");
	return failures != 0;
}
