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
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "matmul_any.cuh"
#include "matmul_batch.cuh"
#include "matmul_stream.cuh"

extern "C" {
#include "emit.h"
}
#include "matmul_ref.h"

static int failures;

static void cuda(cudaError_t e, const char *what)
{
	if (e == cudaSuccess)
		return;
	fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(e));
	exit(2);
}

/* --- kernels by number ----------------------------------------------------------- */

struct entry {
	const char *name;
	const void *fn;
};

#define STREAM_ENTRY(n)                                                                            \
	{                                                                                          \
		"gpu_matmul_stream_" #n, (const void *)gpu_matmul_stream_##n                       \
	}
#define BATCH_ENTRY(n)                                                                             \
	{                                                                                          \
		"gpu_matmul_batch_" #n, (const void *)gpu_matmul_batch_##n                         \
	}
static const struct entry entries[] = {
	BATCH_ENTRY(bf16_16),    BATCH_ENTRY(bf16_32),   BATCH_ENTRY(bf16_48),
	BATCH_ENTRY(bf16_96),    BATCH_ENTRY(bf16_128),  BATCH_ENTRY(bf16_192),
	BATCH_ENTRY(f16_16),     BATCH_ENTRY(f16_32),    BATCH_ENTRY(f16_48),
	BATCH_ENTRY(f16_96),     BATCH_ENTRY(f16_128),   BATCH_ENTRY(f16_192),
	BATCH_ENTRY(i8_16),      BATCH_ENTRY(i8_32),     BATCH_ENTRY(i8_48),
	BATCH_ENTRY(i8_96),      BATCH_ENTRY(i8_128),    BATCH_ENTRY(i8_192),
	BATCH_ENTRY(i8x2_16),    BATCH_ENTRY(i8x2_32),   BATCH_ENTRY(i8x2_48),
	BATCH_ENTRY(i8x2_96),

	STREAM_ENTRY(bf16_8_1),  STREAM_ENTRY(bf16_8_2), STREAM_ENTRY(bf16_16_1),
	STREAM_ENTRY(bf16_16_2), STREAM_ENTRY(f16_8_1),  STREAM_ENTRY(f16_8_2),
	STREAM_ENTRY(f16_16_1),  STREAM_ENTRY(f16_16_2), STREAM_ENTRY(i8_8_1),
	STREAM_ENTRY(i8_8_2),    STREAM_ENTRY(i8_16_1),  STREAM_ENTRY(i8_16_2),
	STREAM_ENTRY(bf16_32_2), STREAM_ENTRY(f16_32_2), STREAM_ENTRY(i8_32_2),
	STREAM_ENTRY(i8x2_32_2), STREAM_ENTRY(i8x2_8_1), STREAM_ENTRY(i8x2_8_2),
	STREAM_ENTRY(i8x2_16_2), STREAM_ENTRY(seg_bf16), STREAM_ENTRY(seg_f16),
};

static const void *kernel_fn(uint32_t kernel)
{
	for (const struct entry &e : entries)
		if (strcmp(e.name, gpu_kernel_name(kernel)) == 0)
			return e.fn;
	fprintf(stderr, "%s: not in this program\n", gpu_kernel_name(kernel));
	exit(2);
}

static void launch(const struct gpu_launch &l, const void *args, cudaStream_t s)
{
	cudaLaunchAttribute at[1];
	cudaLaunchConfig_t c = {};
	void *params[] = { const_cast<void *>(args) };
	static bool raised[GPU_KERNEL_COUNT];
	const void *fn = kernel_fn(l.kernel);

	if (!raised[l.kernel]) {
		cuda(cudaFuncSetAttribute(fn, cudaFuncAttributeMaxDynamicSharedMemorySize, 232448),
		     "shared memory");
		cuda(cudaFuncSetAttribute(fn, cudaFuncAttributePreferredSharedMemoryCarveout, 100),
		     "carve-out");
		raised[l.kernel] = true;
	}
	at[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
	at[0].val.programmaticStreamSerializationAllowed = 1;
	c.gridDim = dim3(l.grid[0], l.grid[1]);
	c.blockDim = dim3(l.block[0]);
	c.dynamicSmemBytes = l.shared;
	c.stream = s;
	c.attrs = at;
	c.numAttrs = 1;
	cuda(cudaLaunchKernelExC(&c, fn, params), gpu_kernel_name(l.kernel));
}

/* --- data ------------------------------------------------------------------------- */

__host__ __device__ static uint32_t mix(uint64_t i)
{
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 16);
}

/* Element `col` of row `row`: about normal bf16 or f16 numbers, or bytes in +-127. */
__host__ __device__ static uint32_t element(uint32_t seed, uint32_t row, uint32_t col, bool bytes,
					    bool f16)
{
	uint32_t r = mix(((uint64_t)seed << 56) ^ ((uint64_t)row << 24) ^ col);
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

static unsigned char *make(uint32_t seed, uint32_t rows, uint32_t cols, uint64_t row_bytes,
			   uint64_t bytes, int elem, bool f16, bool panels)
{
	unsigned char *p;

	cuda(cudaMalloc(&p, bytes), "cudaMalloc");
	fill<<<1024, 256>>>(p, seed, rows, cols, row_bytes, bytes, elem, f16, panels);
	cuda(cudaGetLastError(), "fill");
	return p;
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
	std::vector<unsigned char *> w;
	uint64_t w_bytes;
	float *scales;
};

static struct bed make_bed(const struct shape &s, uint32_t rows, uint32_t profile, uint32_t dtype,
			   uint32_t copies)
{
	struct bed b;
	uint32_t w_rows = s.act ? 2 * s.n : s.n;
	int elem = dtype == AIOS_I8 || dtype == AIOS_I8X2 ? 1 : 2;
	bool f16 = dtype == AIOS_F16;

	memset(&b.op, 0, sizeof(b.op));
	b.op.op.size = sizeof(b.op);
	b.op.op.type = AIOS_OP_MATMUL;
	b.op.profile = (uint8_t)profile;
	b.op.segments = 1;
	b.op.act = s.act ? AIOS_ACT_SILU_MUL : 0;
	b.op.mid_type = AIOS_F32;
	b.op.x.dtype = dtype;
	b.op.x.rows = rows;
	b.op.x.cols = s.k;
	b.op.x.row_bytes = (uint64_t)s.k * elem;
	b.op.x.plane_bytes = dtype == AIOS_I8X2 ? rows * b.op.x.row_bytes : 0;
	b.op.x.data = (aios_addr)make(1, 2 * rows, s.k, b.op.x.row_bytes,
				      2 * rows * b.op.x.row_bytes, elem, f16, false);
	b.op.w.dtype = elem == 1 ? AIOS_I8 : dtype;
	b.op.w.layout = GPU_LAYOUT_PANELS;
	b.op.w.rows = w_rows;
	b.op.w.cols = s.k;
	b.op.w.row_bytes = GPU_PANEL_ROW_BYTES(s.k, elem);
	b.w_bytes = GPU_PANEL_PAD_ROWS(w_rows) * b.op.w.row_bytes;
	for (uint32_t i = 0; i < copies; i++)
		b.w.push_back(
			make(2 + i, w_rows, s.k, b.op.w.row_bytes, b.w_bytes, elem, f16, true));
	b.op.w.data = (aios_addr)b.w[0];
	b.op.out.dtype = s.act ? AIOS_BF16 : AIOS_F32;
	b.op.out.rows = rows;
	b.op.out.cols = s.n;
	b.op.out.row_bytes = (uint64_t)s.n * 4;
	cuda(cudaMalloc((void **)&b.op.out.data, rows * b.op.out.row_bytes), "cudaMalloc");
	cuda(cudaMemset((void *)b.op.out.data, 0xa5, rows * b.op.out.row_bytes), "cudaMemset");
	if (s.residual) {
		b.op.residual = b.op.out;
		b.op.residual.dtype = AIOS_F32;
		cuda(cudaMalloc((void **)&b.op.residual.data, rows * b.op.out.row_bytes),
		     "cudaMalloc");
		cuda(cudaMemset((void *)b.op.residual.data, 0, rows * b.op.out.row_bytes),
		     "memset");
	}
	cuda(cudaMalloc(&b.scales, (w_rows + rows) * 4), "cudaMalloc");
	std::vector<float> ones(w_rows + rows, 0x1.8p-9f);
	cuda(cudaMemcpy(b.scales, ones.data(), ones.size() * 4, cudaMemcpyHostToDevice), "scales");
	if (elem == 1) {
		b.op.w.scale = (aios_addr)b.scales;
		b.op.x.scale = (aios_addr)(b.scales + w_rows);
	}
	return b;
}

static void free_bed(struct bed &b)
{
	for (unsigned char *p : b.w)
		cudaFree(p);
	cudaFree((void *)b.op.x.data);
	cudaFree((void *)b.op.out.data);
	cudaFree((void *)b.op.residual.data);
	cudaFree(b.scales);
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
		uint32_t t = mix(i * 2) % rows, c = i < 16 ? n - 1 - i : mix(i * 2 + 1) % n,
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

/* The arguments of either kernel; the op comes first. */
union any_args {
	struct aios_op_matmul op;
	struct gpu_stream_args stream;
	struct gpu_batch_args batch;
};

/* Microseconds of one launch: the best of a few runs of a graph that goes through all copies. */
static double time_launch(const struct bed &b, union any_args a, const struct gpu_launch &l)
{
	cudaGraph_t graph;
	cudaGraphExec_t exec;
	cudaEvent_t from, to;
	cudaStream_t s;
	uint32_t n = (uint32_t)b.w.size(), loops = n < 24 ? (24 + n - 1) / n : 1;
	float ms, best = 1e9f;

	cuda(cudaStreamCreate(&s), "stream");
	cudaEventCreate(&from);
	cudaEventCreate(&to);
	cuda(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal), "capture");
	for (uint32_t i = 0; i < loops * n; i++) {
		a.op.w.data = (aios_addr)b.w[i % n];
		launch(l, &a, s);
	}
	cuda(cudaStreamEndCapture(s, &graph), "end of capture");
	cuda(cudaGraphInstantiate(&exec, graph, 0), "instantiate");
	cuda(cudaGraphLaunch(exec, s), "graph");
	for (int i = 0; i < REPEAT; i++) {
		cudaEventRecord(from, s);
		cuda(cudaGraphLaunch(exec, s), "graph");
		cudaEventRecord(to, s);
		cuda(cudaEventSynchronize(to), "graph");
		cudaEventElapsedTime(&ms, from, to);
		best = ms < best ? ms : best;
	}
	cudaGraphExecDestroy(exec);
	cudaGraphDestroy(graph);
	cudaEventDestroy(from);
	cudaEventDestroy(to);
	cudaStreamDestroy(s);
	return best * 1e3 / (loops * n);
}

__global__ void read_all(const uint4 *p, uint64_t n, uint32_t *out)
{
	uint32_t s = 0;
	uint64_t step = (uint64_t)gridDim.x * blockDim.x;
	uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x;

	for (; i + 3 * step < n; i += 4 * step) {
		uint4 a = p[i], b = p[i + step], c = p[i + 2 * step], d = p[i + 3 * step];

		s += a.x ^ a.y ^ a.z ^ a.w ^ b.x ^ b.y ^ b.z ^ b.w;
		s += c.x ^ c.y ^ c.z ^ c.w ^ d.x ^ d.y ^ d.z ^ d.w;
	}
	if (s == 0x12345678)
		*out = s;
}

/* TB/s at which the device reads. */
static double read_rate(void)
{
	uint64_t bytes = (uint64_t)2 << 30;
	unsigned char *p = make(9, 1, 1u << 30, bytes, bytes, 2, false, false);
	cudaEvent_t from, to;
	float ms, best = 1e9f;

	cudaEventCreate(&from);
	cudaEventCreate(&to);
	for (int blocks : { 132 * 4, 132 * 8, 132 * 16 })
		for (int i = 0; i < REPEAT; i++) {
			cudaEventRecord(from);
			read_all<<<blocks, 512>>>((const uint4 *)p, bytes / 16, (uint32_t *)p);
			cudaEventRecord(to);
			cuda(cudaEventSynchronize(to), "read");
			cudaEventElapsedTime(&ms, from, to);
			best = ms < best ? ms : best;
		}
	cudaFree(p);
	return (double)bytes / best * 1e-9;
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

static const struct gpu_caps caps = { .wave = 32, .units = 132, .shared_max = 232448, .arch = 90 };

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
	bool batch = b.op.x.rows > 32, ok;
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
		snprintf(how, sizeof(how), "%s slice %u stages %u", gpu_kernel_name(l.kernel) + 17,
			 a.batch.slice, a.batch.stages);
	else
		snprintf(how, sizeof(how), "warps %u x %u slice %u stages %u x %u", a.stream.warps,
			 a.stream.panels, a.stream.slice, a.stream.stages, a.stream.whole);
	us = time_launch(b, a, l);
	tbs = (double)(s.act ? 2 : 1) * s.n * b.op.w.row_bytes / us * 1e-6;
	if (samples) {
		launch(l, &a, 0);
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
				struct bed b;

				if ((strcmp(k.name, "f16") == 0 ||
				     (k.dtype == AIOS_I8 && r > 1 && r < 64)) &&
				    (s.k != 4096 || s.n != 4096))
					continue;
				b = make_bed(s, r, k.profile, k.dtype, copies_of(s, elem));
				report(k, s, b, tune, rate, 40);
				print_results(0);
				free_bed(b);
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
			struct bed b =
				make_bed(s, r, kinds[0].profile, kinds[0].dtype, copies_of(s, 2));

			report(kinds[0], s, b, {}, rate, 0);
			tune_op(s, b, rate);
			free_bed(b);
		}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "time";
	double rate = read_rate();

	printf("reads at %.3f TB/s\n", rate);
	if (strcmp(what, "tune") == 0)
		tune_shapes(rate);
	else
		time_shapes(rate);
	printf("%s\n", failures ? "BITS DIFFER" : "all bits as on the host");
	return failures != 0;
}
