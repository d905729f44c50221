// SPDX-License-Identifier: Apache-2.0
/*
 * token.cpp - a decode step of a whole model on a Hopper GPU, as the engine captures it: where its
 * time goes, by leaving out one kind of op after the other, and a hash of what it computes, to
 * compare two states of the source. Build and run from the source folder:
 *
 *   for f in plan plan_matmul plan_wgmma plan_attention check fuse order; do
 *       gcc -std=gnu11 -O2 -Iinclude -Idrivers/gpu -c drivers/gpu/$f.c -o build/token-$f.o; done
 *   for s in kernels sm90; do
 *       nvcc -gencode=arch=compute_90a,code=sm_90a -std=c++17 -O3 -fmad=false -ftz=false
 *            -prec-div=true -prec-sqrt=true -Iinclude -Idrivers/gpu -cubin drivers/gpu/$s.cu
 *            -o build/token-$s.cubin; done
 *   g++ -std=c++17 -O2 -Iinclude -Idrivers/gpu -I/usr/local/cuda/include tests/device/token.cpp
 *       build/token-*.o -L/usr/local/cuda/lib64/stubs -lcuda -o build/device-token
 *   build/device-token build/token-kernels.cubin,build/token-sm90.cubin [0.6b|8b] [tc|i8x2]
 *       [keys] [all]
 *
 * TOKEN_ROWS in the environment: sequences. TOKEN_LAUNCHES: also list the launches of the first step.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <cuda.h>

#include <aios/numerics.h>

extern "C" {
#include "emit.h"
#include "fuse.h"
#include "order.h"
#include "panels.h"
}

static void cu(CUresult r, const char *what)
{
	const char *text = nullptr;

	if (r == CUDA_SUCCESS)
		return;
	cuGetErrorString(r, &text);
	fprintf(stderr, "%s: %s\n", what, text ? text : "?");
	exit(2);
}

/* --- the device ------------------------------------------------------------------------ */

static std::vector<CUmodule> modules;
static CUfunction functions[GPU_KERNEL_COUNT];
static struct gpu_caps caps;
static CUstream stream;

static CUfunction function_of(uint32_t kernel)
{
	CUfunction *f = &functions[kernel];

	for (size_t i = 0; !*f && i < modules.size(); i++)
		if (cuModuleGetFunction(f, modules[i], gpu_kernel_name(kernel)) != CUDA_SUCCESS)
			*f = nullptr;
	if (!*f) {
		fprintf(stderr, "%s is in none of the modules\n", gpu_kernel_name(kernel));
		exit(2);
	}
	cu(cuFuncSetAttribute(*f, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 100),
	   "carve-out");
	cu(cuFuncSetAttribute(*f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
			      (int)caps.shared_max),
	   "shared memory");
	return *f;
}

static aios_addr memory(uint64_t bytes, bool clear = true)
{
	CUdeviceptr p;

	cu(cuMemAlloc(&p, (bytes + 255) / 256 * 256), "cuMemAlloc");
	if (clear)
		cu(cuMemsetD8(p, 0, (bytes + 255) / 256 * 256), "cuMemsetD8");
	return (aios_addr)p;
}

static uint64_t mix(uint64_t i)
{
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Random numbers of `dtype`, of a deviation of about `scale`; a block of them over and over again. */
static aios_addr random_memory(uint64_t bytes, uint32_t dtype, float scale, uint64_t seed)
{
	const uint64_t block = 4u << 20;
	aios_addr at = memory(bytes, false);
	std::vector<unsigned char> data(std::min(bytes, block));

	for (uint64_t i = 0; i < data.size(); i += dtype == AIOS_I8 ? 8 : 2) {
		uint64_t r = mix(seed << 32 ^ i);
		float v = scale * ((float)(int32_t)((r & 0xffff) + (r >> 16 & 0xffff) +
						    (r >> 32 & 0xffff)) /
					   32768.0f -
				   3.0f);
		uint16_t half = aios_f32_to_bf16(v);

		memcpy(&data[i], dtype == AIOS_I8 ? (void *)&r : (void *)&half,
		       std::min<uint64_t>(dtype == AIOS_I8 ? 8 : 2, data.size() - i));
	}
	for (uint64_t i = 0; i < bytes; i += data.size())
		cu(cuMemcpyHtoD((CUdeviceptr)(at + i), data.data(),
				std::min<uint64_t>(bytes - i, data.size())),
		   "cuMemcpyHtoD");
	return at;
}

template <typename T> static aios_addr put(const std::vector<T> &v)
{
	aios_addr at = memory(v.size() * sizeof(T));

	cu(cuMemcpyHtoD((CUdeviceptr)at, v.data(), v.size() * sizeof(T)), "cuMemcpyHtoD");
	return at;
}

/* --- a queue, as drivers/gpu/host/queue.c has it ------------------------------------------ */

static struct gpu_order order;
static union aios_op_any held;
static bool holds, overlap = true, fuse = true;
static unsigned int n_launched;

/* The plan's maps into the arguments, as drivers/cuda does it. */
static void encode(struct gpu_launch *l)
{
	static const cuuint32_t steps[4] = { 1, 1, 1, 1 };

	for (uint32_t i = 0; i < l->n_maps; i++) {
		const struct gpu_map &m = l->maps[i];
		CUtensorMap map;

		cu(cuTensorMapEncodeTiled(
			   &map,
			   m.elem_bytes == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8 :
					       CU_TENSOR_MAP_DATA_TYPE_UINT16,
			   m.rank, (void *)m.base, (const cuuint64_t *)m.dims,
			   (const cuuint64_t *)m.strides, m.box, steps,
			   CU_TENSOR_MAP_INTERLEAVE_NONE,
			   m.swizzle ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE,
			   CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
		   "cuTensorMapEncodeTiled");
		memcpy(l->args.bytes + m.at, &map, sizeof(map));
	}
}

static void launch_all(const struct aios_op *a, const struct aios_op *b, struct gpu_launch *l,
		       unsigned int n)
{
	bool overlaps = n > 0 && gpu_order_overlaps(&order, a, b);

	for (unsigned int i = 0; i < n; i++) {
		CUlaunchAttribute at = {};
		CUlaunchConfig c = {};
		void *params[] = { l[i].args.bytes };

		l[i].overlaps = overlap && (i > 0 || overlaps);
		encode(&l[i]);
		at.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
		at.value.programmaticStreamSerializationAllowed = 1;
		c.gridDimX = l[i].grid[0];
		c.gridDimY = l[i].grid[1];
		c.gridDimZ = l[i].grid[2];
		c.blockDimX = l[i].block[0];
		c.blockDimY = c.blockDimZ = 1;
		c.sharedMemBytes = l[i].shared;
		c.hStream = stream;
		c.attrs = &at;
		c.numAttrs = l[i].overlaps;
		cu(cuLaunchKernelEx(&c, function_of(l[i].kernel), params, nullptr),
		   gpu_kernel_name(l[i].kernel));
		n_launched++;
		if (getenv("TOKEN_LAUNCHES"))
			fprintf(stderr, "%s %ux%ux%u of %u, %u bytes, overlaps %u\n",
				gpu_kernel_name(l[i].kernel), l[i].grid[0], l[i].grid[1],
				l[i].grid[2], l[i].block[0], l[i].shared, c.numAttrs);
	}
}

static void flush(void)
{
	struct gpu_launch l[GPU_MAX_LAUNCHES];
	struct aios_status st = {};
	unsigned int n;

	if (!holds)
		return;
	holds = false;
	if (gpu_plan(&caps, &held.op, l, GPU_MAX_LAUNCHES, &n, &st)) {
		fprintf(stderr, "%s\n", st.message);
		exit(2);
	}
	launch_all(&held.op, nullptr, l, n);
}

static void enqueue(const struct aios_op *op)
{
	struct gpu_launch l[GPU_MAX_LAUNCHES], both[GPU_MAX_LAUNCHES];
	struct aios_status st = {};
	unsigned int n, n_both = 0;

	if (gpu_plan(&caps, op, l, GPU_MAX_LAUNCHES, &n, &st)) {
		fprintf(stderr, "%s\n", st.message);
		exit(2);
	}
	if (holds && gpu_fuse(&caps, &held.op, op, both, GPU_MAX_LAUNCHES, &n_both, &st) == 1) {
		holds = false;
		launch_all(&held.op, op, both, n_both);
		return;
	}
	flush();
	if (!fuse || !gpu_fuse_begins(op)) {
		launch_all(op, nullptr, l, n);
		return;
	}
	memcpy(&held, op, op->size);
	holds = true;
}

/* --- a model -------------------------------------------------------------------------------- */

struct shape {
	const char *name;
	uint32_t layers, hidden, heads, kv_heads, dim, inter, vocabulary;
};

static const struct shape shapes[] = {
	{ "0.6b", 28, 1024, 16, 8, 128, 3072, 151936 },
	{ "8b", 36, 4096, 32, 8, 128, 12288, 151936 },
};

enum part {
	EMBED,
	NORM,
	QKV,
	ATTENTION,
	O,
	GATE_UP,
	QUANTISE,
	DOWN,
	HEAD,
	CHOOSE,
	PARTS
};
static const char *const part_names[PARTS] = {
	"embed", "norms",   "qkv",   "rope and attention", "o", "gate and up", "quantise",
	"down",  "lm_head", "argmax"
};

struct layer {
	struct aios_tensor qkv, o, gate_up, down;
	aios_addr k, v;
};

struct model {
	struct shape s;
	uint32_t profile, act, keys, rows;
	bool scaled;
	std::vector<struct layer> layers;
	struct aios_tensor embed, head, x, normed, wide_qkv, wide_product, q, mixed, product_codes,
		logits;
	aios_addr norm, head_norm, ids, rows_at, cos, sin, next, scratch;
	uint64_t scratch_bytes;
	struct aios_batch batch;
};

static struct aios_tensor rows_of(uint32_t dtype, uint32_t rows, uint32_t cols)
{
	struct aios_tensor t = {};
	bool scaled = aios_dtype_scaled(dtype);

	t.dtype = dtype;
	t.layout = AIOS_LAYOUT_ROWS;
	t.rows = rows;
	t.cols = cols;
	t.row_bytes = ((uint64_t)cols * aios_dtype_bytes(dtype) + 15) / 16 * 16;
	t.plane_bytes = dtype == AIOS_I8X2 ? rows * t.row_bytes : 0;
	t.data = memory(rows * t.row_bytes * (dtype == AIOS_I8X2 ? 2 : 1));
	t.scale = scaled ? memory(rows * 4) : 0;
	return t;
}

static struct aios_tensor weight(const struct model &m, uint32_t rows, uint32_t cols, uint64_t seed)
{
	struct aios_tensor t = {};
	uint32_t dtype = m.scaled ? AIOS_I8 : AIOS_BF16;

	t.dtype = dtype;
	t.layout = GPU_LAYOUT_PANELS;
	t.rows = rows;
	t.cols = cols;
	t.row_bytes = GPU_PANEL_ROW_BYTES(cols, aios_dtype_bytes(dtype));
	t.data = random_memory(GPU_PANEL_PAD_ROWS(rows) * t.row_bytes, dtype, 0.02f, seed);
	if (m.scaled)
		t.scale = put(std::vector<float>(rows, 0x1p-12f));
	return t;
}

static struct aios_batch batch_of(const struct model &m)
{
	uint32_t pages = (512 + 15) / 16;
	std::vector<int32_t> positions(m.rows, (int32_t)m.keys - 1), ids, starts,
		lens(m.rows, (int32_t)m.keys), table;
	struct aios_batch b = {};

	while (pages * 16 < m.keys)
		pages *= 2;
	for (uint32_t i = 0; i < m.rows; i++)
		ids.push_back((int32_t)i);
	for (uint32_t i = 0; i <= m.rows; i++)
		starts.push_back((int32_t)i);
	for (uint32_t i = 0; i < m.rows * pages; i++)
		table.push_back((int32_t)((uint64_t)i * 7919 % (m.rows * pages)));
	b.n_tokens = b.n_seqs = m.rows;
	b.max_blocks = pages;
	b.max_q = 1;
	b.max_kv = pages * 16;
	b.positions = put(positions);
	b.seq_ids = put(ids);
	b.seq_start = put(starts);
	b.seq_len = put(lens);
	b.block_table = put(table);
	return b;
}

static void make_model(struct model &m)
{
	const struct shape &s = m.s;
	uint32_t qkv = (s.heads + 2 * s.kv_heads) * s.dim, q = s.heads * s.dim;
	uint64_t cache;
	std::vector<float> table;

	m.batch = batch_of(m);
	cache = (uint64_t)m.rows * m.batch.max_blocks * s.kv_heads * 16 * s.dim * 2;
	for (uint32_t l = 0; l < s.layers; l++) {
		struct layer at = {};

		at.qkv = weight(m, qkv, s.hidden, 10 * l + 1);
		at.o = weight(m, s.hidden, q, 10 * l + 2);
		at.gate_up = weight(m, 2 * s.inter, s.hidden, 10 * l + 3);
		at.down = weight(m, s.hidden, s.inter, 10 * l + 4);
		at.k = random_memory(cache, AIOS_BF16, 0.5f, 10 * l + 5);
		at.v = random_memory(cache, AIOS_BF16, 0.5f, 10 * l + 6);
		m.layers.push_back(at);
	}
	m.embed = rows_of(AIOS_BF16, 1024, s.hidden);
	m.embed.data = random_memory(1024 * m.embed.row_bytes, AIOS_BF16, 0.02f, 1001);
	m.head = weight(m, s.vocabulary, s.hidden, 1002);
	m.x = rows_of(AIOS_F32, m.rows, s.hidden);
	m.normed = rows_of(m.act, m.rows, s.hidden);
	m.wide_qkv = rows_of(AIOS_BF16, m.rows, qkv);
	m.wide_product = rows_of(m.scaled ? AIOS_F32 : AIOS_BF16, m.rows, s.inter);
	m.q = rows_of(AIOS_BF16, m.rows, q);
	m.mixed = rows_of(m.act, m.rows, q);
	m.product_codes = rows_of(m.act, m.rows, s.inter);
	m.logits = rows_of(AIOS_F32, m.rows, s.vocabulary);
	m.norm = random_memory(s.hidden * 2, AIOS_BF16, 1.0f, 1003);
	m.head_norm = random_memory(s.dim * 2, AIOS_BF16, 1.0f, 1004);
	m.ids = put(std::vector<int32_t>(m.rows, 17));
	m.next = put(std::vector<int32_t>(m.rows, 0));
	for (uint64_t i = 0; i < (uint64_t)m.batch.max_kv * s.dim; i++)
		table.push_back((float)(int32_t)(mix(i) >> 40) * 0x1p-24f);
	m.cos = put(table);
	m.sin = m.cos + (uint64_t)m.batch.max_kv * s.dim / 2 * 4;
	m.scratch_bytes = 64u << 20;
	m.scratch = memory(m.scratch_bytes);
}

template <typename T> static T op_of(uint16_t type)
{
	T op = {};

	op.op.size = sizeof(T);
	op.op.type = type;
	return op;
}

static struct aios_op_rmsnorm norm_op(const struct model &m)
{
	struct aios_op_rmsnorm op = op_of<struct aios_op_rmsnorm>(AIOS_OP_RMSNORM);

	op.eps = 1e-6f;
	op.x = m.x;
	op.weight = m.norm;
	op.weight_dtype = AIOS_BF16;
	op.out = m.normed;
	return op;
}

static struct aios_op_matmul matmul_op(const struct model &m, const struct aios_tensor &x,
				       const struct aios_tensor &w, const struct aios_tensor &out)
{
	struct aios_op_matmul op = op_of<struct aios_op_matmul>(AIOS_OP_MATMUL);

	op.profile = (uint8_t)m.profile;
	op.segments = 1;
	op.mid_type = AIOS_F32;
	op.x = x;
	op.w = w;
	op.out = out;
	return op;
}

/* rope_kv and attention of a layer. */
static void emit_attention(const struct model &m, const struct layer &l)
{
	struct aios_op_rope_kv rope = op_of<struct aios_op_rope_kv>(AIOS_OP_ROPE_KV);
	struct aios_op_attention attention = op_of<struct aios_op_attention>(AIOS_OP_ATTENTION);

	rope.eps = 1e-6f;
	rope.batch = m.batch;
	rope.kv.k = l.k;
	rope.kv.v = l.v;
	rope.kv.dtype = AIOS_BF16;
	rope.kv.n_pages = m.rows * m.batch.max_blocks;
	rope.kv.page_size = 16;
	rope.kv.n_kv_heads = m.s.kv_heads;
	rope.kv.head_dim = m.s.dim;
	rope.qkv = m.wide_qkv;
	rope.q = m.q;
	rope.n_heads = m.s.heads;
	rope.rot_dim = m.s.dim;
	rope.cos = m.cos;
	rope.sin = m.sin;
	rope.table_rows = m.batch.max_kv;
	rope.norm_dtype = AIOS_BF16;
	rope.q_norm = rope.k_norm = m.head_norm;
	attention.profile = (uint8_t)m.profile;
	attention.n_heads = m.s.heads;
	attention.batch = m.batch;
	attention.kv = rope.kv;
	attention.q = m.q;
	attention.out = m.mixed;
	attention.scale = 0x1.6a09e6p-4f;
	attention.scale_log2 = 0x1.6a09e6p-4f * AIOS_LOG2E;
	attention.chunk = 512;
	attention.scratch.data = m.scratch;
	attention.scratch.bytes = m.scratch_bytes;
	enqueue(&rope.op);
	enqueue(&attention.op);
}

/* skip: a part to leave out, or PARTS. */
static void emit_layer(const struct model &m, const struct layer &l, uint32_t skip)
{
	struct aios_op_quantise quantise = op_of<struct aios_op_quantise>(AIOS_OP_QUANTISE);
	const struct aios_op_rmsnorm norm = norm_op(m);
	struct aios_op_matmul op;

	if (skip != NORM)
		enqueue(&norm.op);
	op = matmul_op(m, m.normed, l.qkv, m.wide_qkv);
	if (skip != QKV)
		enqueue(&op.op);
	if (skip != ATTENTION)
		emit_attention(m, l);
	op = matmul_op(m, m.mixed, l.o, m.x);
	op.residual = m.x;
	if (skip != O)
		enqueue(&op.op);
	if (skip != NORM)
		enqueue(&norm.op);
	op = matmul_op(m, m.normed, l.gate_up, m.wide_product);
	op.act = AIOS_ACT_SILU_MUL;
	if (skip != GATE_UP)
		enqueue(&op.op);
	if (m.scaled) {
		quantise.in = m.wide_product;
		quantise.out = m.product_codes;
		if (skip != QUANTISE)
			enqueue(&quantise.op);
	}
	op = matmul_op(m, m.scaled ? m.product_codes : m.wide_product, l.down, m.x);
	op.residual = m.x;
	if (skip != DOWN)
		enqueue(&op.op);
}

static void emit(const struct model &m, uint32_t skip)
{
	struct aios_op_embed embed = op_of<struct aios_op_embed>(AIOS_OP_EMBED);
	struct aios_op_argmax choose = op_of<struct aios_op_argmax>(AIOS_OP_ARGMAX);
	const struct aios_op_rmsnorm norm = norm_op(m);

	gpu_order_break(&order);
	embed.scale = 1;
	embed.n_tokens = m.rows;
	embed.ids = m.ids;
	embed.table = m.embed;
	embed.out = m.x;
	if (skip != EMBED)
		enqueue(&embed.op);
	for (const struct layer &l : m.layers)
		emit_layer(m, l, skip);
	if (skip != NORM)
		enqueue(&norm.op);
	if (skip != HEAD) {
		struct aios_op_matmul op = matmul_op(m, m.normed, m.head, m.logits);

		enqueue(&op.op);
	}
	choose.logits = m.logits;
	choose.ids = m.next;
	if (skip != CHOOSE)
		enqueue(&choose.op);
	flush();
}

/* Microseconds of a step: the median of `n` replays of its graph. */
static double time_of(const struct model &m, uint32_t skip, int n)
{
	std::vector<float> ms;
	CUgraphExec exec;
	CUevent from, to;
	CUgraph graph;

	cuEventCreate(&from, 0);
	cuEventCreate(&to, 0);
	n_launched = 0;
	cu(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED), "capture");
	emit(m, skip);
	cu(cuStreamEndCapture(stream, &graph), "capture");
	cu(cuGraphInstantiate(&exec, graph, 0), "instantiate");
	for (int i = 0; i < n + 2; i++) {
		float v;

		cuEventRecord(from, stream);
		cu(cuGraphLaunch(exec, stream), "cuGraphLaunch");
		cuEventRecord(to, stream);
		cu(cuEventSynchronize(to), "a step");
		cuEventElapsedTime(&v, from, to);
		if (i >= 2)
			ms.push_back(v);
	}
	std::sort(ms.begin(), ms.end());
	cuGraphExecDestroy(exec);
	cuGraphDestroy(graph);
	cuEventDestroy(from);
	cuEventDestroy(to);
	return ms[ms.size() / 2] * 1e3;
}

/* FNV over what a step leaves: the stream of the residual, the logits, the id, a layer's cache. */
static uint64_t hash_of(const struct model &m)
{
	uint64_t h = 0xcbf29ce484222325u;
	const struct {
		aios_addr at;
		uint64_t bytes;
	} all[] = {
		{ m.x.data, m.x.row_bytes * m.rows },
		{ m.logits.data, m.logits.row_bytes * m.rows },
		{ m.next, 4ull * m.rows },
		{ m.layers[1].k, 1u << 18 },
		{ m.layers.back().v, 1u << 18 },
		{ m.normed.data, m.normed.row_bytes * m.rows },
		{ m.mixed.data, m.mixed.row_bytes * m.rows },
		{ m.q.data, m.q.row_bytes * m.rows },
	};

	emit(m, PARTS);
	cu(cuStreamSynchronize(stream), "a step");
	for (const auto &a : all) {
		std::vector<unsigned char> v(a.bytes);

		cu(cuMemcpyDtoH(v.data(), (CUdeviceptr)a.at, a.bytes), "cuMemcpyDtoH");
		for (unsigned char c : v)
			h = (h ^ c) * 0x100000001b3u;
	}
	return h;
}

static void open_device(char *cubins)
{
	CUdevice device;
	CUcontext ctx;
	int v;

	cu(cuInit(0), "cuInit");
	cu(cuDeviceGet(&device, 0), "cuDeviceGet");
	cu(cuDevicePrimaryCtxRetain(&ctx, device), "context");
	cu(cuCtxSetCurrent(ctx), "context");
	for (char *p = strtok(cubins, ","); p; p = strtok(nullptr, ",")) {
		CUmodule module;

		cu(cuModuleLoad(&module, p), p);
		modules.push_back(module);
	}
	caps.wave = 32;
	caps.arch = 90;
	caps.maps = true;
	cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device);
	caps.units = (uint32_t)v;
	cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, device);
	caps.shared_max = (uint32_t)v;
	cu(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "stream");
}

int main(int argc, char **argv)
{
	struct model m = {};
	double all;

	if (argc < 2) {
		fprintf(stderr, "usage: %s CUBIN[,CUBIN] [0.6b|8b] [tc|i8x2] [keys] [all]\n",
			argv[0]);
		return 2;
	}
	open_device(argv[1]);
	m.s = shapes[argc > 2 && strcmp(argv[2], "8b") == 0];
	m.scaled = argc > 3 && strcmp(argv[3], "i8x2") == 0;
	m.profile = m.scaled ? AIOS_PROFILE_I8X2 : AIOS_PROFILE_TC_SM90;
	m.act = m.scaled ? AIOS_I8X2 : AIOS_BF16;
	m.keys = argc > 4 ? (uint32_t)atoi(argv[4]) : 192;
	m.rows = getenv("TOKEN_ROWS") ? (uint32_t)atoi(getenv("TOKEN_ROWS")) : 1;
	make_model(m);
	printf("%s %s, %u keys, %u rows: hash %016llx\n", m.s.name, m.scaled ? "i8x2" : "tc-sm90",
	       m.keys, m.rows, (unsigned long long)hash_of(m));
	all = time_of(m, PARTS, 25);
	printf("  a step                    %8.1f us, %u launches\n", all, n_launched);
	if (argc > 5) {
		for (uint32_t i = 0; i < PARTS; i++) {
			double t = time_of(m, i, 11);

			printf("  without %-18s %8.1f us: %6.1f, %5.2f a layer\n", part_names[i], t,
			       all - t, (all - t) / m.s.layers);
		}
		fuse = false;
		printf("  nothing fused             %8.1f us\n", time_of(m, PARTS, 11));
		fuse = true;
		overlap = false;
		printf("  nothing overlaps          %8.1f us\n", time_of(m, PARTS, 11));
		overlap = true;
	}
	return 0;
}
