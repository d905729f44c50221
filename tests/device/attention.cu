// SPDX-License-Identifier: Apache-2.0
/*
 * attention.cu - times the attention kernels on a GPU and checks their bits: sampled rows against
 * the contract evaluated on the host, rope_attention against rope_kv and attention run one after
 * the other. Needs a Hopper GPU. Build and run from the source folder:
 *
 *   for f in plan plan_matmul plan_wgmma plan_attention check; do
 *       gcc -std=gnu11 -O2 -Iinclude -Idrivers/gpu -c drivers/gpu/$f.c -o build/at-$f.o
 *   done
 *   nvcc -gencode=arch=compute_90a,code=sm_90a -std=c++17 -O3 -fmad=false -ftz=false
 *        -prec-div=true -prec-sqrt=true -Xcompiler -ffp-contract=off,-mfma -Iinclude
 *        -Idrivers/gpu tests/device/attention.cu build/at-*.o -o build/device-attention
 *   build/device-attention [words that a line's name must have]
 *
 * ATTN_SHARED in the environment: bytes of shared memory to plan for (a decoding block takes half).
 *
 * Times are of graphs of many launches, each on a KV cache of its own, all of them together
 * larger than the L2 cache. Exit status 1 when any bit differs.
 */
#include <cstring>

#include "attention.cuh"
#include "attention_fma.cuh"
#include "attention_tc.cuh"
#include "rope_rows.cuh"

#include "launch.h"

static int failures;
static double bandwidth; /* bytes a second, read */

static const struct kernel kernels[] = {
	KERNEL(rope_kv),
	KERNEL(rope_kv_long),
	KERNEL(attention_fma_bf16_64),
	KERNEL(attention_fma_bf16_128),
	KERNEL(rope_kv_rows),
	KERNEL(attention_64),
	KERNEL(attention_128),
	KERNEL(attention_merge),
	KERNEL(attention_decode_bf16_64),
	KERNEL(attention_decode_bf16_128),
	KERNEL(rope_attention_bf16_64),
	KERNEL(rope_attention_bf16_128),
	KERNEL(rope_attention_early_bf16_64),
	KERNEL(rope_attention_early_bf16_128),
	KERNEL(attention_tc_decode_bf16_64),
	KERNEL(attention_tc_decode_bf16_128),
	KERNEL(rope_attention_tc_bf16_64),
	KERNEL(rope_attention_tc_bf16_128),
	KERNEL(rope_attention_tc_early_bf16_64),
	KERNEL(rope_attention_tc_early_bf16_128),
	KERNEL(attention_tc_bf16_64),
	KERNEL(attention_tc_bf16_128),
};

/* --- data: a function of the index, the same on both sides ---------------------------- */

/* About normal, times 2^-1. */
__host__ __device__ static uint16_t value(uint64_t stream, uint64_t i)
{
	uint64_t r = mix(stream << 40 ^ i);
	int32_t sum = (int32_t)(r & 0xffff) + (int32_t)(r >> 16 & 0xffff) +
		      (int32_t)(r >> 32 & 0xffff) + (int32_t)(r >> 48) - 131070;

	return aios_f32_to_bf16((float)sum * 0x1p-16f);
}

__global__ static void fill(uint16_t *p, uint64_t n, uint64_t stream)
{
	for (uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x; i < n;
	     i += (uint64_t)gridDim.x * blockDim.x)
		p[i] = value(stream, i);
}

static void randomise(const buffer &b, uint64_t stream)
{
	fill<<<1024, 256>>>((uint16_t *)b.p, b.bytes / 2, stream);
}

/* --- a step --------------------------------------------------------------------------- */

struct shape {
	const char *name;
	uint32_t profile, heads, kv_heads, dim;
	uint32_t seqs, rows;         /* rows of each sequence */
	uint32_t keys_min, keys_max; /* lengths, spread evenly */
	uint32_t max_kv;
};

#define PAGE 16
#define CHUNK 512

/* A step's arrays, and KV caches in turn. */
struct step {
	struct shape s;
	std::vector<int32_t> positions, seq_ids, starts, table;
	uint32_t n_tokens, max_blocks, n_pages, copies;
	uint64_t keys = 0; /* of all sequences */
	double work = 0;   /* pairs of a row and a key it sees */
	buffer *arrays = nullptr, *k = nullptr, *v = nullptr, *q = nullptr, *qkv = nullptr;
	buffer *out = nullptr, *scratch = nullptr, *cos = nullptr, *norm = nullptr;
	struct gpu_caps caps;

	explicit step(const struct shape &shape);
	~step()
	{
		for (buffer *b : { arrays, k, v, q, qkv, out, scratch, cos, norm })
			delete b;
	}
	uint64_t copy_bytes() const
	{
		return (uint64_t)n_pages * s.kv_heads * PAGE * s.dim * 2;
	}
	struct aios_batch batch() const;
	struct aios_kv_layer kv(uint32_t copy) const;
	struct aios_op_attention attention(uint32_t copy) const;
	struct aios_op_rope_kv rope(uint32_t copy) const;
};

step::step(const struct shape &shape) : s(shape)
{
	cudaDeviceProp prop;
	uint32_t page = 0;

	cuda(cudaGetDeviceProperties(&prop, 0), "cudaGetDeviceProperties");
	caps = { 32, (uint32_t)prop.multiProcessorCount, (uint32_t)prop.sharedMemPerBlockOptin,
		 90 };
	if (getenv("ATTN_SHARED"))
		caps.shared_max = (uint32_t)atoi(getenv("ATTN_SHARED"));
	n_tokens = s.seqs * s.rows;
	max_blocks = (s.max_kv + PAGE - 1) / PAGE;
	table.assign((size_t)s.seqs * max_blocks, -1);
	for (uint32_t i = 0; i < s.seqs; i++) {
		uint32_t len = s.seqs > 1 ?
				       s.keys_min + (uint64_t)(s.keys_max - s.keys_min) *
							    ((i * 37) % s.seqs) / (s.seqs - 1) :
				       s.keys_max;

		starts.push_back((int32_t)(i * s.rows));
		keys += len;
		for (uint32_t b = 0; b < (len + PAGE - 1) / PAGE; b++)
			table[(size_t)i * max_blocks + b] = (int32_t)page++;
		for (uint32_t r = 0; r < s.rows; r++) {
			positions.push_back((int32_t)(len - s.rows + r));
			seq_ids.push_back((int32_t)i);
			work += len - s.rows + r + 1;
		}
	}
	starts.push_back((int32_t)n_tokens);
	n_pages = page;
	for (auto &t : table) /* scattered: an odd step is prime to a power of two only */
		if (t >= 0)
			t = (int32_t)((uint64_t)t * 7919 % n_pages);
	if (n_pages % 7919 == 0)
		exit(3);
	copies = (uint32_t)((256ull << 20) / (2 * copy_bytes()) + 1);
	copies = std::min(std::max(copies, 2u), 256u);
	arrays = new buffer((positions.size() + seq_ids.size() + starts.size() + table.size()) * 4 +
			    64);
	k = new buffer(copy_bytes() * copies);
	v = new buffer(copy_bytes() * copies);
	randomise(*k, 1);
	randomise(*v, 2);
	q = new buffer((uint64_t)n_tokens * s.heads * s.dim * 2);
	randomise(*q, 3);
	qkv = new buffer((uint64_t)n_tokens * (s.heads + 2 * s.kv_heads) * s.dim * 2);
	randomise(*qkv, 4);
	out = new buffer((uint64_t)n_tokens * s.heads * s.dim * 2);
	cos = new buffer((uint64_t)s.max_kv * s.dim * 4);
	norm = new buffer(s.dim * 2);
	randomise(*norm, 5);
	std::vector<float> table_values(cos->bytes / 4);
	for (size_t i = 0; i < table_values.size(); i++)
		table_values[i] = (float)(int32_t)(mix(i) >> 40) * 0x1p-24f;
	cos->put(table_values);
	std::vector<int32_t> all(positions);
	all.resize((all.size() + 3) / 4 * 4);
	all.insert(all.end(), seq_ids.begin(), seq_ids.end());
	all.resize((all.size() + 3) / 4 * 4);
	all.insert(all.end(), starts.begin(), starts.end());
	all.resize((all.size() + 3) / 4 * 4);
	all.insert(all.end(), table.begin(), table.end());
	arrays->put(all);
	struct aios_op_attention op = attention(0);
	struct aios_op_support answer = {};

	answer.size = sizeof(answer);
	gpu_query(&caps, &op.op, &answer);
	scratch = new buffer(answer.scratch_bytes);
}

struct aios_batch step::batch() const
{
	struct aios_batch b = {};
	uint64_t at_seq = (positions.size() + 3) / 4 * 16;
	uint64_t at_start = at_seq + (seq_ids.size() + 3) / 4 * 16;
	uint64_t at_table = at_start + (starts.size() + 3) / 4 * 16;

	b.n_tokens = n_tokens;
	b.n_seqs = s.seqs;
	b.max_blocks = max_blocks;
	b.max_q = s.rows;
	b.max_kv = s.max_kv;
	b.positions = arrays->addr();
	b.seq_ids = arrays->addr(at_seq);
	b.block_table = arrays->addr(at_table);
	b.seq_start = arrays->addr(at_start);
	b.seq_len = arrays->addr(); /* the kernels do not read it */
	return b;
}

struct aios_kv_layer step::kv(uint32_t copy) const
{
	struct aios_kv_layer l = {};

	l.k = k->addr(copy * copy_bytes());
	l.v = v->addr(copy * copy_bytes());
	l.dtype = AIOS_BF16;
	l.n_pages = n_pages;
	l.page_size = PAGE;
	l.n_kv_heads = s.kv_heads;
	l.head_dim = s.dim;
	return l;
}

static struct aios_tensor rows_of(const buffer *b, uint32_t rows, uint32_t cols)
{
	struct aios_tensor t = {};

	t.data = b->addr();
	t.dtype = AIOS_BF16;
	t.layout = AIOS_LAYOUT_ROWS;
	t.rows = rows;
	t.cols = cols;
	t.row_bytes = (uint64_t)cols * 2;
	return t;
}

struct aios_op_attention step::attention(uint32_t copy) const
{
	struct aios_op_attention op = {};

	op.op.type = AIOS_OP_ATTENTION;
	op.op.size = sizeof(op);
	op.profile = (uint8_t)s.profile;
	op.n_heads = s.heads;
	op.batch = batch();
	op.kv = kv(copy);
	op.q = rows_of(q, n_tokens, s.heads * s.dim);
	op.out = rows_of(out, n_tokens, s.heads * s.dim);
	op.scale = 0.25f;
	op.scale_log2 = aios_mul(op.scale, AIOS_LOG2E);
	op.chunk = CHUNK;
	if (scratch) {
		op.scratch.data = scratch->addr();
		op.scratch.bytes = scratch->bytes;
	}
	return op;
}

struct aios_op_rope_kv step::rope(uint32_t copy) const
{
	struct aios_op_rope_kv op = {};

	op.op.type = AIOS_OP_ROPE_KV;
	op.op.size = sizeof(op);
	op.eps = 1e-6f;
	op.batch = batch();
	op.kv = kv(copy);
	op.qkv = rows_of(qkv, n_tokens, (s.heads + 2 * s.kv_heads) * s.dim);
	op.q = rows_of(q, n_tokens, s.heads * s.dim);
	op.n_heads = s.heads;
	op.rot_dim = s.dim;
	op.cos = cos->addr();
	op.sin = cos->addr((uint64_t)s.max_kv * s.dim * 2);
	op.table_rows = s.max_kv;
	op.q_norm = op.k_norm = norm->addr();
	op.norm_dtype = AIOS_BF16;
	return op;
}

/* --- launches ----------------------------------------------------------------------------- */

enum what {
	ATTENTION,
	ROPE,
	BOTH,
	FUSED
};

static void launch_all(const struct gpu_launch *l, unsigned int n, cudaStream_t stream)
{
	for (unsigned int i = 0; i < n; i++)
		launch(l[i], kernel_of(kernels, l[i].kernel), l[i].args.bytes, true, stream);
}

/* False: there is no such plan. */
static bool run(const step &t, uint32_t copy, enum what what, cudaStream_t stream)
{
	struct aios_op_attention attention = t.attention(copy);
	struct aios_op_rope_kv rope = t.rope(copy);
	struct gpu_launch l[2 * GPU_MAX_LAUNCHES];
	struct aios_status st = {};
	struct plan p = {};
	unsigned int n = 0;
	int ret = 0;

	p.caps = &t.caps;
	p.launches = l;
	p.cap = GPU_MAX_LAUNCHES;
	p.st = &st;
	if (what == FUSED) {
		if (gpu_plan_rope_attention(&p, &rope, &attention) == 0)
			return false;
		n = p.n;
	}
	if (what == ROPE || what == BOTH)
		ret = gpu_plan(&t.caps, &rope.op, l, GPU_MAX_LAUNCHES, &n, &st);
	launch_all(l, n, stream);
	if (ret == 0 && (what == ATTENTION || what == BOTH)) {
		ret = gpu_plan(&t.caps, &attention.op, l, GPU_MAX_LAUNCHES, &n, &st);
		launch_all(l, n, stream);
	}
	if (ret) {
		fprintf(stderr, "%s: no plan: %s\n", t.s.name, st.message);
		exit(2);
	}
	return true;
}

/* Microseconds a step: the median of replays of a graph with all copies in turn. */
static double time_of(const step &t, enum what what)
{
	uint32_t n = std::max(t.copies, 8u);
	std::vector<float> ms;
	graph_clock clock([&](cudaStream_t stream) {
		for (uint32_t i = 0; i < n; i++)
			run(t, i % t.copies, what, stream);
	});

	for (int i = 0; i < 7; i++)
		ms.push_back(clock.ms());
	ms.erase(ms.begin(), ms.begin() + 2);
	return median(ms) * 1e3 / n;
}

/* --- the contract on the host ---------------------------------------------------------------- */

static float chain(uint32_t profile, const uint16_t *a, const uint16_t *b, uint32_t n, float acc)
{
	struct aios_tfdpa_unit u = aios_tfdpa_of(profile, AIOS_BF16);

	if (u.terms)
		return aios_tfdpa_chain(u, a, b, n, acc);
	for (uint32_t i = 0; i < n; i++)
		acc = aios_fma(aios_bf16_to_f32(a[i]), aios_bf16_to_f32(b[i]), acc);
	return acc;
}

/* One row and head, elements [0, n_d) of the output; KV copy 0. */
static std::vector<uint16_t> expect(const step &t, uint32_t row, uint32_t head, uint32_t n_d)
{
	const struct shape &s = t.s;
	uint32_t position = (uint32_t)t.positions[row], seq = (uint32_t)t.seq_ids[row];
	uint32_t kv_head = head / (s.heads / s.kv_heads);
	const struct aios_op_attention op = t.attention(0);
	std::vector<float> acc(n_d), total(n_d);
	struct aios_attn_state sum = { 0, 0 };
	std::vector<uint16_t> q(s.dim), result;
	std::vector<uint64_t> at(position + 1);

	for (uint32_t d = 0; d < s.dim; d++)
		q[d] = value(3, ((uint64_t)row * s.heads + head) * s.dim + d);
	for (uint32_t j = 0; j <= position; j++)
		at[j] = (((uint64_t)t.table[(size_t)seq * t.max_blocks + j / PAGE] * s.kv_heads +
			  kv_head) *
				 PAGE +
			 j % PAGE) *
			s.dim;
	for (uint32_t begin = 0; begin <= position; begin += CHUNK) {
		uint32_t end = std::min(begin + CHUNK, position + 1);
		float m = -aios_inf(), l = 0;

		std::fill(acc.begin(), acc.end(), 0.0f);
		for (uint32_t b = begin; b < end; b += 64) {
			uint32_t n = std::min(64u, end - b);
			float score[64], p[64] = { 0 }, m_new = m, alpha;
			uint16_t codes[64], vs[64];

			for (uint32_t j = 0; j < n; j++) {
				std::vector<uint16_t> key(s.dim);

				for (uint32_t d = 0; d < s.dim; d++)
					key[d] = value(1, at[b + j] + d);
				score[j] = aios_attn_score(chain(s.profile, q.data(), key.data(),
								 s.dim, 0.0f),
							   op.scale_log2);
				m_new = aios_max_step(m_new, score[j]);
			}
			alpha = aios_attn_rescale(m, m_new);
			for (uint32_t j = 0; j < n; j++) {
				p[j] = aios_attn_p(score[j], m_new, AIOS_BF16);
				codes[j] = aios_f32_to_bf16(p[j]);
			}
			l = aios_attn_l(l, alpha, aios_halving_tree(p, 64));
			m = m_new;
			for (uint32_t d = 0; d < n_d; d++) {
				for (uint32_t j = 0; j < n; j++)
					vs[j] = value(2, at[b + j] + d);
				acc[d] = chain(s.profile, codes, vs, n, aios_mul(acc[d], alpha));
			}
		}
		if (begin == 0) {
			sum.m = m;
			sum.l = l;
			total = acc;
			continue;
		}
		float e_total, e_chunk;

		aios_attn_merge(&sum, m, l, &e_total, &e_chunk);
		for (uint32_t d = 0; d < n_d; d++)
			total[d] = aios_attn_merge_acc(total[d], e_total, acc[d], e_chunk);
	}
	for (uint32_t d = 0; d < n_d; d++)
		result.push_back(aios_f32_to_bf16(aios_mul(total[d], aios_attn_final(sum.l))));
	return result;
}

/* Sampled rows and heads of a run against the host: elements that differ. */
static uint32_t check(const step &t)
{
	uint32_t bad = 0, samples = t.s.keys_max > 8192 ? 2 : 6, n_d = 24;

	randomise(*t.q, 3);
	cuda(cudaMemset(t.out->p, 0xff, t.out->bytes), "cudaMemset");
	run(t, 0, ATTENTION, nullptr);
	cuda(cudaDeviceSynchronize(), t.s.name);
	std::vector<uint16_t> out = t.out->get<uint16_t>();
	for (uint32_t i = 0; i < samples; i++) {
		uint32_t row = (uint32_t)(mix(i) % t.n_tokens), head = (i * 5) % t.s.heads;

		row = i == 0 ? t.n_tokens - 1 : row;
		std::vector<uint16_t> want = expect(t, row, head, n_d);
		for (uint32_t d = 0; d < n_d; d++)
			bad += out[((uint64_t)row * t.s.heads + head) * t.s.dim + d] != want[d];
	}
	return bad;
}

/* rope_kv and attention, then the fused kernel: elements of memory that differ. */
static uint64_t check_fused(const step &t)
{
	std::vector<uint16_t> was[4];
	uint64_t bad = 0;

	for (int fused = 0; fused < 2; fused++) {
		buffer *all[4] = { t.q, t.k, t.v, t.out };

		for (int i = 0; i < 4; i++)
			randomise(*all[i], 10 + (uint64_t)i);
		run(t, 0, fused ? FUSED : BOTH, nullptr);
		cuda(cudaDeviceSynchronize(), t.s.name);
		for (int i = 0; i < 4; i++) {
			std::vector<uint16_t> is = all[i]->get<uint16_t>();

			for (size_t j = 0; fused && j < is.size(); j++)
				bad += is[j] != was[i][j];
			was[i].swap(is);
		}
	}
	randomise(*t.k, 1);
	randomise(*t.v, 2);
	randomise(*t.q, 3);
	return bad;
}

/* --- lines ------------------------------------------------------------------------------------ */

static void line(const step &t, const char *what, double us, uint64_t bad)
{
	double bytes = (double)t.keys * t.s.kv_heads * t.s.dim * 4;
	double flop = 4.0 * t.work * t.s.heads * t.s.dim;

	if (t.s.rows > 1)
		bytes += 2.0 * t.n_tokens * t.s.heads * t.s.dim * 2;
	printf("%-34s %-9s %8.1f us %6.2f TB/s %5.1f %% %7.1f TFLOP/s  %s\n", t.s.name, what, us,
	       bytes / us * 1e-6, 100 * bytes / us * 1e6 / bandwidth, flop / us * 1e-6,
	       bad ? "DIFFERS" : "same bits");
	failures += bad != 0;
	fflush(stdout);
}

static void measure(const struct shape &s)
{
	step t(s);
	uint64_t bad = check(t);

	line(t, "attention", time_of(t, ATTENTION), bad);
	if (s.rows > 1) {
		line(t, "rope_kv", time_of(t, ROPE), 0);
		return;
	}
	line(t, "both", time_of(t, BOTH), 0);
	if (!run(t, 0, FUSED, nullptr))
		return;
	bad = check_fused(t);
	line(t, "fused", time_of(t, FUSED), bad);
}

#define TC AIOS_PROFILE_TC_SM90
#define FMA AIOS_PROFILE_FMA32

static const struct shape shapes[] = {
	{ "tc 0.6B 1 x 130", TC, 16, 8, 128, 1, 1, 130, 130, 512 },
	{ "tc 8B 1 x 130", TC, 32, 8, 128, 1, 1, 130, 130, 512 },
	{ "tc 8B 1 x 250", TC, 32, 8, 128, 1, 1, 250, 250, 512 },
	{ "tc 8B 1 x 500", TC, 32, 8, 128, 1, 1, 500, 500, 512 },
	{ "tc 8B 1 x 1000", TC, 32, 8, 128, 1, 1, 1000, 1000, 1024 },
	{ "tc 8B 1 x 4000", TC, 32, 8, 128, 1, 1, 4000, 4000, 4096 },
	{ "tc 8B 1 x 32k", TC, 32, 8, 128, 1, 1, 32000, 32000, 32768 },
	{ "tc 8B 8 x 1k", TC, 32, 8, 128, 8, 1, 900, 1024, 1024 },
	{ "tc 8B 64 x 130", TC, 32, 8, 128, 64, 1, 100, 160, 512 },
	{ "tc 8B 64 x 1k", TC, 32, 8, 128, 64, 1, 900, 1024, 1024 },
	{ "tc 8B 64 x 1k..4k", TC, 32, 8, 128, 64, 1, 1024, 4096, 4096 },
	{ "tc 8B 256 x 1k", TC, 32, 8, 128, 256, 1, 900, 1024, 1024 },
	{ "tc dim 64 1 x 130", TC, 32, 8, 64, 1, 1, 130, 130, 512 },
	{ "tc dim 64 64 x 1k", TC, 32, 8, 64, 64, 1, 900, 1024, 1024 },
	{ "fma 0.6B 1 x 130", FMA, 16, 8, 128, 1, 1, 130, 130, 512 },
	{ "fma 8B 1 x 130", FMA, 32, 8, 128, 1, 1, 130, 130, 512 },
	{ "fma 8B 1 x 500", FMA, 32, 8, 128, 1, 1, 500, 500, 512 },
	{ "fma 8B 1 x 4000", FMA, 32, 8, 128, 1, 1, 4000, 4000, 4096 },
	{ "fma 8B 64 x 130", FMA, 32, 8, 128, 64, 1, 100, 160, 512 },
	{ "fma 8B 64 x 1k", FMA, 32, 8, 128, 64, 1, 900, 1024, 1024 },
	{ "tc prompt 8B 64 x 128", TC, 32, 8, 128, 64, 128, 128, 128, 128 },
	{ "tc prompt 8B 1 x 512", TC, 32, 8, 128, 1, 512, 512, 512, 512 },
	{ "tc prompt 8B 1 x 4096", TC, 32, 8, 128, 1, 4096, 4096, 4096, 4096 },
	{ "tc prompt 0.6B 1 x 4096", TC, 16, 8, 128, 1, 4096, 4096, 4096, 4096 },
	{ "tc prompt 8B 4 x 512 of 4096", TC, 32, 8, 128, 4, 512, 4096, 4096, 4096 },
	{ "tc prompt dim 64 1 x 4096", TC, 32, 8, 64, 1, 4096, 4096, 4096, 4096 },
	{ "fma prompt 8B 64 x 128", FMA, 32, 8, 128, 64, 128, 128, 128, 128 },
	{ "fma prompt 8B 1 x 512", FMA, 32, 8, 128, 1, 512, 512, 512, 512 },
	{ "fma prompt 8B 1 x 4096", FMA, 32, 8, 128, 1, 4096, 4096, 4096, 4096 },
	{ "fma prompt 8B 4 x 512 of 4096", FMA, 32, 8, 128, 4, 512, 4096, 4096, 4096 },
	{ "fma prompt 8B 1 x 256 of 16k", FMA, 32, 8, 128, 1, 256, 16000, 16000, 16384 },
	{ "fma few 8B 64 x 8 of 1k", FMA, 32, 8, 128, 64, 8, 900, 1024, 1024 },
	{ "fma few 8B 1 x 16 of 4k", FMA, 32, 8, 128, 1, 16, 4000, 4000, 4096 },
	{ "fma prompt dim 64 1 x 4096", FMA, 32, 8, 64, 1, 4096, 4096, 4096, 4096 },
};

int main(int argc, char **argv)
{
	bandwidth = read_rate();
	printf("read bandwidth %.2f TB/s\n", bandwidth * 1e-12);
	for (const struct shape &s : shapes) {
		bool wanted = true;

		for (int i = 1; i < argc; i++)
			wanted = wanted && strstr(s.name, argv[i]);
		if (wanted)
			measure(s);
	}
	return failures != 0;
}
