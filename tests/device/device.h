/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - what the programs of this folder share: CUDA's errors, memory, numbers that are a
 * function of their index, times. It needs nothing of AIOS. A failed call of CUDA ends the program
 * with exit status 2.
 */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cuda_runtime.h>

static inline void cuda(cudaError_t e, const char *what)
{
	if (e == cudaSuccess)
		return;
	fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(e));
	exit(2);
}

/* SplitMix64 of a counter, the same on both sides. */
__host__ __device__ static inline uint64_t mix(uint64_t i)
{
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* --- memory ------------------------------------------------------------------ */

/* Device memory, all ones (NaN in every float type) until something is put there. */
struct buffer {
	void *p = nullptr;
	uint64_t bytes;

	explicit buffer(uint64_t n) : bytes(n ? n : 16)
	{
		cuda(cudaMalloc(&p, bytes), "cudaMalloc");
		cuda(cudaMemset(p, 0xff, bytes), "cudaMemset");
	}
	buffer(const buffer &) = delete;
	~buffer()
	{
		cudaFree(p);
	}
	uint64_t addr(uint64_t at = 0) const
	{
		return (uint64_t)(uintptr_t)p + at;
	}
	template <typename T> void put(const std::vector<T> &v)
	{
		cuda(cudaMemcpy(p, v.data(), v.size() * sizeof(T), cudaMemcpyHostToDevice), "put");
	}
	/* As much as `v` has room for; waits for the kernels before it. */
	template <typename T> void get(std::vector<T> &v) const
	{
		cuda(cudaMemcpy(v.data(), p, v.size() * sizeof(T), cudaMemcpyDeviceToHost), "get");
	}
	template <typename T> std::vector<T> get() const
	{
		std::vector<T> v(bytes / sizeof(T));

		get(v);
		return v;
	}
};

/* --- times ------------------------------------------------------------------- */

template <typename T> static T median(std::vector<T> v)
{
	std::sort(v.begin(), v.end());
	return v[v.size() / 2];
}

/* A graph of what `enqueue(stream)` puts into a stream, once, and its time. */
struct graph_clock {
	cudaStream_t stream;
	cudaGraphExec_t exec;
	cudaEvent_t from, to;

	template <typename F> explicit graph_clock(F enqueue)
	{
		cudaGraph_t graph;

		cuda(cudaStreamCreate(&stream), "cudaStreamCreate");
		cuda(cudaEventCreate(&from), "cudaEventCreate");
		cuda(cudaEventCreate(&to), "cudaEventCreate");
		cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
		enqueue(stream);
		cuda(cudaStreamEndCapture(stream, &graph), "end of capture");
		cuda(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
		cudaGraphDestroy(graph);
	}
	graph_clock(const graph_clock &) = delete;
	~graph_clock()
	{
		cudaGraphExecDestroy(exec);
		cudaEventDestroy(from);
		cudaEventDestroy(to);
		cudaStreamDestroy(stream);
	}
	/* Milliseconds of so many launches of the graph, one after the other. */
	float ms(int launches = 1)
	{
		float v;

		cuda(cudaEventRecord(from, stream), "cudaEventRecord");
		for (int i = 0; i < launches; i++)
			cuda(cudaGraphLaunch(exec, stream), "cudaGraphLaunch");
		cuda(cudaEventRecord(to, stream), "cudaEventRecord");
		cuda(cudaEventSynchronize(to), "graph");
		cuda(cudaEventElapsedTime(&v, from, to), "cudaEventElapsedTime");
		return v;
	}
};

__global__ static void fill_all(uint64_t *p, uint64_t n)
{
	for (uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x; i < n;
	     i += (uint64_t)gridDim.x * blockDim.x)
		p[i] = mix(i);
}

__global__ static void read_all(const uint4 *p, uint64_t n, uint32_t *out)
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

/* Bytes a second at which the device reads what no cache holds: the best of a few ways. */
static inline double read_rate(void)
{
	buffer b((uint64_t)2 << 30);
	cudaEvent_t from, to;
	float ms, best = 1e9f;

	cuda(cudaEventCreate(&from), "cudaEventCreate");
	cuda(cudaEventCreate(&to), "cudaEventCreate");
	fill_all<<<1024, 256>>>((uint64_t *)b.p, b.bytes / 8);
	for (int blocks : { 132 * 4, 132 * 8, 132 * 16 })
		for (int i = 0; i < 5; i++) {
			cuda(cudaEventRecord(from), "cudaEventRecord");
			read_all<<<blocks, 512>>>((const uint4 *)b.p, b.bytes / 16,
						  (uint32_t *)b.p);
			cuda(cudaEventRecord(to), "cudaEventRecord");
			cuda(cudaEventSynchronize(to), "read_all");
			cuda(cudaEventElapsedTime(&ms, from, to), "cudaEventElapsedTime");
			best = std::min(best, ms);
		}
	cudaEventDestroy(from);
	cudaEventDestroy(to);
	return (double)b.bytes / best * 1e3;
}

#endif /* DEVICE_DEVICE_H */
