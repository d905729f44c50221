// SPDX-License-Identifier: Apache-2.0
/*
 * tax.cu - the other half of the exactness tax: how fast a matmul is when nobody asks
 * for its bits. Times every algorithm that cuBLASLt's heuristic offers (split sums and
 * all) and prints the best. Not part of AIOS: scripts/exactness-tax builds and runs it
 * where there is a GPU, nvcc and libcublasLt, which is opened at run time.
 *
 *	nvcc -O2 -arch=native tests/device/tax.cu -ldl -o tax
 *	echo '1 6144 4096 bf16 0 0' | ./tax
 *
 * A line on standard input is M N K TYPE RESIDUAL ACT: out[M][N] (TYPE bf16 or f32) =
 * x[M][K] w[N][K]^T, bf16, summed in fp32, plus an addend of TYPE f32 when RESIDUAL is
 * 1. ACT 1: columns are N / 2 gates, then N / 2 ups, and a second kernel follows, as it has to, which
 * writes silu(gate) * up. A line on standard output: the same and "us=... algo=... splitk=... of=...
 * alone=...", the last without that kernel.
 * As `aios bench` measures: weights take turns so that no cache holds them, launches
 * come from a captured graph, the median of seven samples.
 */
#include <cstring>
#include <dlfcn.h>

#include <cublasLt.h>
#include <cuda_bf16.h>

#include "device.h"

#define ROTATE (256ull << 20)
#define WORKSPACE (64ull << 20)
#define ALGOS 64
#define SAMPLES 7
#define SAMPLE_US 10000.0

#define LT(X)                                                                                      \
	X(cublasLtCreate)                                                                          \
	X(cublasLtMatmul)                                                                          \
	X(cublasLtMatmulDescCreate)                                                                \
	X(cublasLtMatmulDescSetAttribute)                                                          \
	X(cublasLtMatmulDescDestroy)                                                               \
	X(cublasLtMatrixLayoutCreate)                                                              \
	X(cublasLtMatrixLayoutDestroy)                                                             \
	X(cublasLtMatmulPreferenceCreate)                                                          \
	X(cublasLtMatmulPreferenceSetAttribute)                                                    \
	X(cublasLtMatmulPreferenceDestroy)                                                         \
	X(cublasLtMatmulAlgoGetHeuristic)                                                          \
	X(cublasLtMatmulAlgoConfigGetAttribute)

static struct {
#define FIELD(name) decltype(&::name) name;
	LT(FIELD)
#undef FIELD
} lt;

static void die(const char *what, int code)
{
	fprintf(stderr, "tax: %s (%d)\n", what, code);
	exit(1);
}

#define BLAS(call)                                                                                 \
	do {                                                                                       \
		int error_ = (int)(call);                                                          \
		if (error_)                                                                        \
			die(#call, error_);                                                        \
	} while (0)

static void open_library()
{
	static const char *const names[] = { "libcublasLt.so.13", "libcublasLt.so.12",
					     "libcublasLt.so" };
	void *lib = nullptr;

	for (const char *name : names)
		if (!lib)
			lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		die(dlerror(), 0);
#define LOAD(name)                                                                                 \
	lt.name = (decltype(lt.name))dlsym(lib, #name);                                            \
	if (!lt.name)                                                                              \
		die("libcublasLt lacks " #name, 0);
	LT(LOAD)
#undef LOAD
}

/* Random bits with small exponents: finite, and no two rows alike. */
__global__ void fill(__nv_bfloat16 *out, size_t n, uint32_t seed)
{
	size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;

	if (i < n)
		out[i] = __float2bfloat16(((int)(mix((uint64_t)seed << 40 ^ i) & 0xffff) - 32768) *
					  (0.04f / 65536));
}

/* out[m][n / 2] = silu(gate) * up, in whatever bits; 8 outputs a thread. */
__global__ void activate(const __nv_bfloat16 *in, __nv_bfloat16 *out, int m, int n)
{
	const size_t half = (size_t)n / 2, i = (blockIdx.x * (size_t)blockDim.x + threadIdx.x) * 8;
	const size_t row = i / half, col = i % half;
	__nv_bfloat162 g[4], u[4];

	if (row >= (size_t)m)
		return;
	*(uint4 *)g = *(const uint4 *)(in + row * n + col);
	*(uint4 *)u = *(const uint4 *)(in + row * n + half + col);
	for (int e = 0; e < 4; e++) {
		float2 a = __bfloat1622float2(g[e]), b = __bfloat1622float2(u[e]);

		a.x *= __fdividef(b.x, 1.0f + __expf(-a.x));
		a.y *= __fdividef(b.y, 1.0f + __expf(-a.y));
		g[e] = __float22bfloat162_rn(a);
	}
	*(uint4 *)(out + row * half + col) = *(uint4 *)g;
}

struct problem {
	int m, n, k;
	bool f32, residual, act;
};

struct bench {
	problem p;
	int copies;
	__nv_bfloat16 *x, *w;
	void *out, *add, *workspace;
	cublasLtMatmulDesc_t desc;
	cublasLtMatrixLayout_t lw, lx, lo;
	cublasLtHandle_t handle;
};

static int launch(bench &b, const cublasLtMatmulAlgo_t &algo, int copy, cudaStream_t stream)
{
	float one = 1, zero = 0;
	const __nv_bfloat16 *w = b.w + (size_t)copy * b.p.n * b.p.k;

	int error = (int)lt.cublasLtMatmul(b.handle, b.desc, &one, w, b.lw, b.x, b.lx,
					   b.p.residual ? &one : &zero,
					   b.p.residual ? b.add : b.out, b.lo, b.out, b.lo, &algo,
					   b.workspace, WORKSPACE, stream);
	size_t eights = (size_t)b.p.m * b.p.n / 16;

	if (!error && b.p.act)
		activate<<<(unsigned)((eights + 255) / 256), 256, 0, stream>>>(
			(const __nv_bfloat16 *)b.out, (__nv_bfloat16 *)b.add, b.p.m, b.p.n);
	return error;
}

/* Median time of a launch in us; negative: the algorithm does not run. */
static double time_algo(bench &b, const cublasLtMatmulAlgo_t &algo, int samples, double sample_us)
{
	std::vector<double> us;
	int launches = b.copies, repeats = 1;
	double ms;

	if (launch(b, algo, 0, nullptr) || cudaDeviceSynchronize() != cudaSuccess) {
		cudaGetLastError();
		return -1;
	}
	while (launches < 32)
		launches += b.copies;
	graph_clock clock([&](cudaStream_t stream) {
		for (int i = 0; i < launches; i++)
			launch(b, algo, i % b.copies, stream);
	});
	for (int i = 0; i < samples + 2; i++) {
		ms = clock.ms(repeats);
		if (i >= 2)
			us.push_back(ms * 1e3 / launches / repeats);
		else if (ms * 1e3 * 2 < sample_us)
			repeats = (int)(sample_us / (ms * 1e3 / repeats)) + 1;
	}
	return median(us);
}

static int attribute(const cublasLtMatmulAlgo_t &algo, cublasLtMatmulAlgoConfigAttributes_t which)
{
	int value = 0;

	lt.cublasLtMatmulAlgoConfigGetAttribute(&algo, which, &value, sizeof(value), nullptr);
	return value;
}

static void prepare(bench &b)
{
	const problem &p = b.p;
	size_t x = (size_t)p.m * p.k, w = (size_t)p.n * p.k, o = (size_t)p.m * p.n;
	cudaDataType_t type = p.f32 ? CUDA_R_32F : CUDA_R_16BF;
	cublasOperation_t transposed = CUBLAS_OP_T;

	b.copies = (int)(ROTATE / (w * 2)) + 1;
	cuda(cudaMalloc(&b.x, x * 2), "cudaMalloc");
	cuda(cudaMalloc(&b.w, w * 2 * b.copies), "cudaMalloc");
	cuda(cudaMalloc(&b.out, o * 4), "cudaMalloc");
	cuda(cudaMalloc(&b.add, o * 4), "cudaMalloc");
	cuda(cudaMemset(b.add, 0, o * 4), "cudaMemset");
	fill<<<(unsigned)((x + 255) / 256), 256>>>(b.x, x, 1);
	fill<<<(unsigned)((w * b.copies + 255) / 256), 256>>>(b.w, w * b.copies, 77);
	BLAS(lt.cublasLtMatmulDescCreate(&b.desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
	BLAS(lt.cublasLtMatmulDescSetAttribute(b.desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
					       sizeof(transposed)));
	BLAS(lt.cublasLtMatrixLayoutCreate(&b.lw, CUDA_R_16BF, p.k, p.n, p.k));
	BLAS(lt.cublasLtMatrixLayoutCreate(&b.lx, CUDA_R_16BF, p.k, p.m, p.k));
	BLAS(lt.cublasLtMatrixLayoutCreate(&b.lo, type, p.n, p.m, p.n));
	cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

static void release(bench &b)
{
	cudaFree(b.x);
	cudaFree(b.w);
	cudaFree(b.out);
	cudaFree(b.add);
	lt.cublasLtMatmulDescDestroy(b.desc);
	lt.cublasLtMatrixLayoutDestroy(b.lw);
	lt.cublasLtMatrixLayoutDestroy(b.lx);
	lt.cublasLtMatrixLayoutDestroy(b.lo);
}

static void measure(bench &b)
{
	cublasLtMatmulHeuristicResult_t found[ALGOS];
	cublasLtMatmulPreference_t preference;
	size_t workspace = WORKSPACE;
	double best = 1e30, us, alone;
	int n = 0, at = -1;
	bool act = b.p.act;

	prepare(b);
	b.p.act = false;
	BLAS(lt.cublasLtMatmulPreferenceCreate(&preference));
	BLAS(lt.cublasLtMatmulPreferenceSetAttribute(preference,
						     CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
						     &workspace, sizeof(workspace)));
	BLAS(lt.cublasLtMatmulAlgoGetHeuristic(b.handle, b.desc, b.lw, b.lx, b.lo, b.lo, preference,
					       ALGOS, found, &n));
	for (int i = 0; i < n; i++) {
		us = time_algo(b, found[i].algo, 1, 1000);
		if (us > 0 && us < best) {
			best = us;
			at = i;
		}
	}
	if (at < 0)
		die("no algorithm runs", n);
	us = alone = time_algo(b, found[at].algo, SAMPLES, SAMPLE_US);
	b.p.act = act;
	if (act)
		us = time_algo(b, found[at].algo, SAMPLES, SAMPLE_US);
	printf("%d %d %d %s %d %d us=%.3f algo=%d splitk=%d of=%d alone=%.3f\n", b.p.m, b.p.n,
	       b.p.k, b.p.f32 ? "f32" : "bf16", b.p.residual, act, us,
	       attribute(found[at].algo, CUBLASLT_ALGO_CONFIG_ID),
	       attribute(found[at].algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM), n, alone);
	fflush(stdout);
	lt.cublasLtMatmulPreferenceDestroy(preference);
	release(b);
}

int main()
{
	char line[256], type[16];
	bench b = {};
	int residual, act;

	open_library();
	BLAS(lt.cublasLtCreate(&b.handle));
	cuda(cudaMalloc(&b.workspace, WORKSPACE), "cudaMalloc");
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%d %d %d %15s %d %d", &b.p.m, &b.p.n, &b.p.k, type, &residual,
			   &act) != 6)
			die("expected lines of M N K TYPE RESIDUAL ACT", 0);
		b.p.f32 = strcmp(type, "f32") == 0;
		b.p.residual = residual != 0;
		b.p.act = act != 0;
		measure(b);
	}
	return 0;
}
