// SPDX-License-Identifier: Apache-2.0
/*
 * matmul.c - one dot product after the other.
 */
#include <pthread.h>
#include <stdlib.h>

#include "plain.h"

#include "ops.h"  /* include-ok: cpu-ref's */
#include "pool.h" /* include-ok: cpu-ref's */
#include "rows.h" /* include-ok: cpu-ref's */

#define MAX_PARTS 64

struct mm {
	const struct aios_op_matmul *op;
	uint32_t parts; /* chains that K is cut into */
	float *shared;  /* BUG_MM_RACE: what two threads add to */
	uint32_t half;
};

/* --- chains ------------------------------------------------------------------- */

static float flushed(float x)
{
	return (aios_bits(x) & 0x7f800000u) == 0 ? 0.0f : x;
}

static float chain_fma(const struct mm *m, const void *x, const void *w, uint32_t k0, uint32_t k1)
{
	uint32_t dtype = m->op->x.dtype, i, k;
	float acc = 0.0f, a, b;

	for (i = k0; i < k1; i++) {
		k = faulty_has(BUG_MM_REVERSED) ? k0 + k1 - 1 - i : i;
		a = plain_get(x, dtype, k);
		b = plain_get(w, dtype, k);
		if (faulty_has(BUG_MM_FTZ_IN)) {
			a = flushed(a);
			b = flushed(b);
		}
		if (faulty_has(BUG_MM_NOT_FUSED))
			acc = aios_add(aios_mul(a, b), acc);
		else
			acc = aios_fma(a, b, acc);
	}
	return acc;
}

static uint32_t block_length(const struct aios_op_matmul *op, uint32_t l)
{
	if (faulty_has(BUG_TC_L8) && l == 16)
		return 8;
	if (faulty_has(BUG_TC_L15) && l == 16)
		return 15;
	if (faulty_has(BUG_TC_SM80_L16) && op->profile == AIOS_PROFILE_TC_SM80)
		return 16;
	return l;
}

static float chain_tc(const struct mm *m, struct aios_tfdpa_unit u, const char *x, const char *w,
		      uint32_t k0, uint32_t k1)
{
	uint32_t l = block_length(m->op, (uint32_t)u.terms), size = u.man_bits == 3 ? 1 : 2, k, n;
	float acc = 0.0f;

	for (k = k0; k < k1; k += n) {
		n = k1 - k < l ? k1 - k : l;
		acc = faulty_tfdpa(u, x + (size_t)k * size, w + (size_t)k * size, n, acc);
	}
	return acc;
}

static float chain(const struct mm *m, const void *x, const void *w, uint32_t k0, uint32_t k1)
{
	struct aios_tfdpa_unit u = aios_tfdpa_of(m->op->profile, m->op->x.dtype);
	struct aios_cdna_unit c = aios_cdna_of(m->op->profile, m->op->x.dtype);

	if (c.terms)
		return aios_cdna_chain(c, (const uint16_t *)x + k0, (const uint16_t *)w + k0,
				       k1 - k0, 0.0f);
	return u.terms ? chain_tc(m, u, x, w, k0, k1) : chain_fma(m, x, w, k0, k1);
}

/* --- dot products --------------------------------------------------------------- */

static uint32_t parts_of(const struct ref_device *dev, const struct aios_op_matmul *op)
{
	uint32_t threads = ref_pool_threads(dev->pool);

	if (faulty_has(BUG_MM_SEGMENTS))
		return 1;
	if (faulty_has(BUG_MM_BATCH) && op->x.rows > 8)
		return 2 * op->segments;
	if (faulty_has(BUG_MM_THREADS))
		return threads < MAX_PARTS ? threads + 1 : MAX_PARTS;
	if (faulty_has(BUG_LV_BIG) && op->x.cols >= 1024)
		return 2 * op->segments;
	return op->segments;
}

static float joined(float *p, uint32_t n)
{
	uint32_t i;

	if ((n & (n - 1)) == 0 && !faulty_has(BUG_MM_TREE_ORDER))
		return aios_pair_tree(p, n);
	for (i = 1; i < n; i++)
		p[0] = aios_add(p[0], p[i]);
	return p[0];
}

static float dot_float(const struct mm *m, const void *x, const void *w)
{
	uint32_t cols = m->op->x.cols, n = m->parts, i;
	float parts[MAX_PARTS] = { 0 };

	if (faulty_has(BUG_MM_K_TAIL) && cols > 1 && cols % 8 != 0)
		cols--;
	for (i = 0; i < n; i++)
		parts[i] = chain(m, x, w, (uint32_t)((uint64_t)cols * i / n),
				 (uint32_t)((uint64_t)cols * (i + 1) / n));
	return joined(parts, n);
}

static int32_t saturated(int32_t v)
{
	return v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v;
}

static int64_t sum_i8(const int8_t *x, const int8_t *w, uint32_t k, bool is_unsigned)
{
	int32_t four = 0, a;
	int64_t sum = 0;
	uint32_t i;

	for (i = 0; i < k; i++) {
		a = is_unsigned ? (uint8_t)x[i] : x[i];
		four += a * w[i];
		if (i % 4 == 3 || i + 1 == k) {
			sum += faulty_has(BUG_I8_SATURATES) ? saturated(four) : four;
			four = 0;
		}
	}
	return sum;
}

static float dot_integer(const struct mm *m, const int8_t *x, const int8_t *w)
{
	const struct aios_op_matmul *op = m->op;
	int64_t hi = sum_i8(x, w, op->x.cols, false), lo;

	if (op->profile == AIOS_PROFILE_I8)
		return aios_i8_acc((int32_t)hi);
	lo = sum_i8(x + op->x.plane_bytes, w, op->x.cols, faulty_has(BUG_I8X2_UNSIGNED));
	if (faulty_has(BUG_I8X2_TWICE))
		return aios_add((float)(256 * hi), (float)lo);
	return aios_i8x2_acc(hi, lo);
}

static float dot(const struct mm *m, uint32_t t, uint32_t n)
{
	const struct aios_op_matmul *op = m->op;
	const void *x = ref_row(&op->x, t), *w = ref_row(&op->w, n);
	float acc, s_x, s_w;

	if (m->shared)
		acc = m->shared[(size_t)t * op->w.rows + n];
	else if (op->profile == AIOS_PROFILE_I8 || op->profile == AIOS_PROFILE_I8X2)
		acc = dot_integer(m, x, w);
	else
		acc = dot_float(m, x, w);
	if (!aios_dtype_scaled(op->x.dtype))
		return acc;
	s_x = ((const float *)ref_ptr(op->x.scale))[t];
	s_w = ((const float *)ref_ptr(op->w.scale))[n];
	if (faulty_has(BUG_I8_SCALES))
		return aios_mul(acc, aios_mul(s_x, s_w));
	return aios_dequant(acc, s_x, s_w);
}

/* --- epilogue --------------------------------------------------------------------- */

static float biased(const struct aios_op_matmul *op, float acc, uint32_t n)
{
	return op->bias ? aios_add(acc, plain_get(ref_ptr(op->bias), op->bias_dtype, n)) : acc;
}

static float activated(const struct mm *m, uint32_t t, uint32_t n)
{
	const struct aios_op_matmul *op = m->op;
	float gate = dot(m, t, n), up = biased(op, dot(m, t, op->out.cols + n), op->out.cols + n);

	if (!faulty_has(BUG_MM_BIAS_LATE))
		gate = biased(op, gate, n);
	if (!faulty_has(BUG_MM_MID)) {
		gate = aios_round_to(gate, op->mid_type);
		up = aios_round_to(up, op->mid_type);
	}
	if (op->act == AIOS_ACT_SILU_MUL && !faulty_has(BUG_MM_GELU))
		gate = aios_silu(gate);
	else
		gate = aios_gelu_tanh(gate);
	if (faulty_has(BUG_MM_BIAS_LATE))
		gate = biased(op, gate, n);
	return aios_mul(gate, up);
}

static float value(const struct mm *m, uint32_t t, uint32_t n)
{
	const struct aios_op_matmul *op = m->op;
	float acc, residual;

	if (op->act)
		return activated(m, t, n);
	acc = dot(m, t, n);
	if (!op->residual.data || (faulty_has(BUG_LV_LABEL) && op->op.layer % 2 == 1))
		return biased(op, acc, n);
	residual = ((const float *)ref_row(&op->residual, t))[n];
	if (faulty_has(BUG_MM_RESIDUAL_EARLY))
		return biased(op, aios_add(residual, acc), n);
	return aios_add(residual, biased(op, acc, n));
}

static void store(const struct aios_op_matmul *op, uint32_t t, uint32_t n, float v)
{
	void *row = ref_row(&op->out, t);

	if (faulty_has(BUG_MM_FTZ_OUT))
		v = flushed(v);
	if (faulty_has(BUG_MM_NAN) && aios_is_nan(v) && op->out.dtype == AIOS_F32)
		((float *)row)[n] = aios_float(AIOS_NAN_TFDPA);
	else
		ref_store(row, op->out.dtype, n, 1, &v);
}

static void matmul_row(const struct mm *m, uint32_t t)
{
	const struct aios_op_matmul *op = m->op;
	uint32_t n_out = op->out.cols, n;

	for (n = 0; n < n_out; n++) {
		bool again = faulty_has(BUG_MM_COLUMN_TAIL) && n && n + 1 == n_out && n_out % 16;

		store(op, t, n, value(m, t, again ? n - 1 : n));
	}
}

/* --- two threads and one sum -------------------------------------------------------- */

static void *half_of_k(void *arg)
{
	const struct mm *m = arg;
	uint32_t cols = m->op->x.cols, mid = cols / 2, rows = m->op->w.rows, t, n;
	float part, old;
	float *at;

	for (t = 0; t < m->op->x.rows; t++) {
		for (n = 0; n < rows; n++) {
			part = chain(m, ref_row(&m->op->x, t), ref_row(&m->op->w, n),
				     m->half ? mid : 0, m->half ? cols : mid);
			/* Between the load and the store the other thread's sum is lost. */
			at = &m->shared[(size_t)t * rows + n];
			__atomic_load(at, &old, __ATOMIC_RELAXED);
			part = aios_add(old, part);
			__atomic_store(at, &part, __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

static int add_in_two_threads(struct mm *m, struct aios_status *st)
{
	struct mm other = *m;
	pthread_t thread;
	float *sums = calloc((size_t)m->op->x.rows * m->op->w.rows + 1, sizeof(*sums));

	if (!sums)
		return aios_fail(st, -ENOMEM, "no memory for shared sums");
	m->shared = other.shared = sums;
	other.half = 1;
	if (pthread_create(&thread, NULL, half_of_k, &other)) {
		half_of_k(&other);
		half_of_k(m);
		return 0;
	}
	half_of_k(m);
	pthread_join(thread, NULL);
	return 0;
}

/* --- the op --------------------------------------------------------------------------- */

/* Writes where nobody may, and where it depends on what went before. */
static void spoil_memory(const struct aios_op_matmul *op)
{
	static uint32_t launches;
	uint32_t size = aios_dtype_bytes(op->out.dtype), t;
	char *out = ref_ptr(op->out.data), *row;

	if (op->out.rows == 0)
		return;
	if (faulty_has(BUG_MM_PAST_END))
		out[op->out.rows * op->out.row_bytes] ^= 1;
	if (faulty_has(BUG_MM_BEFORE))
		*(out - size) ^= 1;
	for (t = 0; t < op->out.rows && faulty_has(BUG_MM_PADDING); t++) {
		row = ref_row(&op->out, t);
		if ((uint64_t)op->out.cols * size < op->out.row_bytes)
			row[op->out.cols * size] ^= 1;
	}
	if (faulty_has(BUG_MM_INPUT))
		*((char *)ref_ptr(op->x.data) + aios_dtype_bytes(op->x.dtype) - 1) ^= (char)0x80;
	if (faulty_has(BUG_MM_STATE) && __atomic_add_fetch(&launches, 1, __ATOMIC_RELAXED) % 3 == 0)
		out[0] ^= 1;
}

int faulty_run_matmul(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_matmul *mm = (const struct aios_op_matmul *)op;
	uint32_t rows = mm->x.rows, t;
	struct mm m = { .op = mm };
	int ret = 0;

	if (!faulty_plain(AIOS_OP_MATMUL))
		return ref_run_matmul(dev, op, st);
	m.parts = parts_of(dev, mm);
	if (faulty_has(BUG_MM_RACE) && !aios_dtype_scaled(mm->x.dtype))
		ret = add_in_two_threads(&m, st);
	if (faulty_has(BUG_MM_ROW_TAIL) && rows > 1 && rows % 4 != 0)
		rows--;
	for (t = 0; t < rows && !ret; t++)
		matmul_row(&m, t);
	free(m.shared);
	if (!ret)
		spoil_memory(mm);
	return ret;
}
