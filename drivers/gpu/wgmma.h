/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wgmma.h - the matrix units of a warpgroup (compute capability 9.0): 128 threads, four warps from
 * a multiple of four on, which multiply 64 rows of a by n columns of b from shared memory. For
 * CUDA, and for the host shim. All 128 threads make each call here together.
 *
 * A step takes 32 bytes of k (16 halves, 32 signed bytes). Thread t of the warpgroup holds row
 * r = t / 32 * 16 + t % 32 / 4 and row r + 8: d[4 * j], d[4 * j + 1] are columns c, c + 1 of the
 * first, d[4 * j + 2], d[4 * j + 3] those of the second, where c = 8 * j + 2 * (t % 4).
 */
#ifndef GPU_WGMMA_H
#define GPU_WGMMA_H

#include "matrix.h"

#if defined(GPU_SHIM)
#include "shim_wgmma.h" /* include-ok: tests/shim, only when the kernels run on the host */
#else

/* Where an operand begins in shared memory, and how it lies there. */
typedef uint64_t gpu_operand;

/*
 * Panels (panels.h), `panel_bytes` from one to the next. A step further along k is 256 bytes
 * further, a row group of eight panel_bytes.
 */
GPU_FN gpu_operand gpu_operand_panels(const void *shared, uint32_t panel_bytes)
{
	uint64_t at = gpu_shared_at(shared);

	return at >> 4 | (uint64_t)(128 >> 4) << 16 | (uint64_t)(panel_bytes >> 4) << 32;
}

/*
 * Rows of 128 bytes, one after the other from a multiple of 1,024 on, where unit u of 16 bytes of
 * row r lies at u ^ (r % 8). A step further along k is 32 bytes further, eight rows 1,024.
 */
GPU_FN gpu_operand gpu_operand_rows(const void *shared)
{
	uint64_t at = gpu_shared_at(shared);

	return at >> 4 | (uint64_t)1 << 16 | (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}

/* The operand `bytes`, a multiple of 16, further on. */
GPU_FN gpu_operand gpu_operand_at(gpu_operand o, uint32_t bytes)
{
	return o + (bytes >> 4);
}

/* Before the first step and after any other access to d. */
GPU_FN void gpu_wgmma_fence(void)
{
	asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/* Close a group of steps. */
GPU_FN void gpu_wgmma_commit(void)
{
	asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/* All groups but the N latest are done: d may be read when N is 0, operands be overwritten. */
template <int N> GPU_FN void gpu_wgmma_wait(void)
{
	asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

/* Registers of a thread: no warpgroup's others may need more than what all together have. */
template <int N> GPU_FN void gpu_registers_more(void)
{
	asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}

template <int N> GPU_FN void gpu_registers_less(void)
{
	asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

/* Operand lists of asm: 16 registers of d from i on. */
#define WGMMA_D(c, d, i)                                                                           \
	c(d[i]), c(d[i + 1]), c(d[i + 2]), c(d[i + 3]), c(d[i + 4]), c(d[i + 5]), c(d[i + 6]),     \
		c(d[i + 7]), c(d[i + 8]), c(d[i + 9]), c(d[i + 10]), c(d[i + 11]), c(d[i + 12]),   \
		c(d[i + 13]), c(d[i + 14]), c(d[i + 15])
#define WGMMA_D4(c, d) c(d[0]), c(d[1]), c(d[2]), c(d[3])
#define WGMMA_D8(c, d) WGMMA_D4(c, d), c(d[4]), c(d[5]), c(d[6]), c(d[7])
#define WGMMA_D16(c, d) WGMMA_D(c, d, 0)
#define WGMMA_D24(c, d)                                                                            \
	WGMMA_D(c, d, 0), c(d[16]), c(d[17]), c(d[18]), c(d[19]), c(d[20]), c(d[21]), c(d[22]),    \
		c(d[23])
#define WGMMA_D32(c, d) WGMMA_D(c, d, 0), WGMMA_D(c, d, 16)
#define WGMMA_D48(c, d) WGMMA_D32(c, d), WGMMA_D(c, d, 32)
#define WGMMA_D64(c, d) WGMMA_D48(c, d), WGMMA_D(c, d, 48)
#define WGMMA_D96(c, d) WGMMA_D64(c, d), WGMMA_D(c, d, 64), WGMMA_D(c, d, 80)
#define WGMMA_D128(c, d) WGMMA_D96(c, d), WGMMA_D(c, d, 96), WGMMA_D(c, d, 112)

/* Their names in the text. */
#define WGMMA_T4 "%0,%1,%2,%3"
#define WGMMA_T8 WGMMA_T4 ",%4,%5,%6,%7"
#define WGMMA_T24 WGMMA_T16 ",%16,%17,%18,%19,%20,%21,%22,%23"
#define WGMMA_T16 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15"
#define WGMMA_T32                                                                                  \
	WGMMA_T16                                                                                  \
	",%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define WGMMA_T48                                                                                  \
	WGMMA_T32                                                                                  \
	",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47"
#define WGMMA_T64                                                                                  \
	WGMMA_T48                                                                                  \
	",%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define WGMMA_T96                                                                                  \
	WGMMA_T64                                                                                  \
	",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80"                     \
	",%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95"
#define WGMMA_T128                                                                                 \
	WGMMA_T96                                                                                  \
	",%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109"                       \
	",%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123"                   \
	",%124,%125,%126,%127"

/* A step of m64n(2 * regs), its operands after d: %a, %b, and %more, whether d is added to. */
#define WGMMA_STEP(n, kind, regs, c, a_at, b_at, more_at, tail)                                    \
	asm volatile("{\n\t.reg .pred p;\n\tsetp.ne.b32 p, %" #more_at ", 0;\n\t"                  \
		     "wgmma.mma_async.sync.aligned.m64n" #n kind " {" WGMMA_T##regs                \
		     "}, %" #a_at ", %" #b_at ", p" tail ";\n\t}"                                  \
		     : WGMMA_D##regs(c, d)                                                         \
		     : "l"(a), "l"(b), "r"(more))

#define WGMMA_FLOAT(v) "+f"(v)
#define WGMMA_INT(v) "+r"(v)
#define WGMMA_BF16 "k16.f32.bf16.bf16"
#define WGMMA_F16 "k16.f32.f16.f16"
#define WGMMA_S8 "k32.s32.s8.s8"
#define WGMMA_SIGNS ", 1, 1, 0, 0"

/*
 * d[64][n] = (more ? d : 0) + a * b, one TFDPA (L = 16, F = 25) an output; the array's length,
 * n / 2, chooses n. Steps that follow each other are one chain.
 */
GPU_FN void gpu_wgmma_bf16(float (&d)[4], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(8, WGMMA_BF16, 4, WGMMA_FLOAT, 4, 5, 6, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_bf16(float (&d)[8], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(16, WGMMA_BF16, 8, WGMMA_FLOAT, 8, 9, 10, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_bf16(float (&d)[16], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(32, WGMMA_BF16, 16, WGMMA_FLOAT, 16, 17, 18, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_bf16(float (&d)[24], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(48, WGMMA_BF16, 24, WGMMA_FLOAT, 24, 25, 26, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_bf16(float (&d)[48], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(96, WGMMA_BF16, 48, WGMMA_FLOAT, 48, 49, 50, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_f16(float (&d)[4], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(8, WGMMA_F16, 4, WGMMA_FLOAT, 4, 5, 6, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_f16(float (&d)[8], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(16, WGMMA_F16, 8, WGMMA_FLOAT, 8, 9, 10, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_f16(float (&d)[16], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(32, WGMMA_F16, 16, WGMMA_FLOAT, 16, 17, 18, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_f16(float (&d)[24], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(48, WGMMA_F16, 24, WGMMA_FLOAT, 24, 25, 26, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_f16(float (&d)[48], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(96, WGMMA_F16, 48, WGMMA_FLOAT, 48, 49, 50, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_bf16(float (&d)[32], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(64, WGMMA_BF16, 32, WGMMA_FLOAT, 32, 33, 34, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_bf16(float (&d)[64], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(128, WGMMA_BF16, 64, WGMMA_FLOAT, 64, 65, 66, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_bf16(float (&d)[96], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(192, WGMMA_BF16, 96, WGMMA_FLOAT, 96, 97, 98, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_bf16(float (&d)[128], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(256, WGMMA_BF16, 128, WGMMA_FLOAT, 128, 129, 130, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_f16(float (&d)[32], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(64, WGMMA_F16, 32, WGMMA_FLOAT, 32, 33, 34, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_f16(float (&d)[64], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(128, WGMMA_F16, 64, WGMMA_FLOAT, 64, 65, 66, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_f16(float (&d)[96], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(192, WGMMA_F16, 96, WGMMA_FLOAT, 96, 97, 98, WGMMA_SIGNS);
}

GPU_FN void gpu_wgmma_f16(float (&d)[128], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(256, WGMMA_F16, 128, WGMMA_FLOAT, 128, 129, 130, WGMMA_SIGNS);
}

/* The same over signed bytes, exact. */
GPU_FN void gpu_wgmma_s8(int32_t (&d)[4], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(8, WGMMA_S8, 4, WGMMA_INT, 4, 5, 6, "");
}

GPU_FN void gpu_wgmma_s8(int32_t (&d)[8], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(16, WGMMA_S8, 8, WGMMA_INT, 8, 9, 10, "");
}

GPU_FN void gpu_wgmma_s8(int32_t (&d)[24], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(48, WGMMA_S8, 24, WGMMA_INT, 24, 25, 26, "");
}

GPU_FN void gpu_wgmma_s8(int32_t (&d)[16], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(32, WGMMA_S8, 16, WGMMA_INT, 16, 17, 18, "");
}

GPU_FN void gpu_wgmma_s8(int32_t (&d)[32], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(64, WGMMA_S8, 32, WGMMA_INT, 32, 33, 34, "");
}

GPU_FN void gpu_wgmma_s8(int32_t (&d)[48], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(96, WGMMA_S8, 48, WGMMA_INT, 48, 49, 50, "");
}

GPU_FN void gpu_wgmma_s8(int32_t (&d)[64], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(128, WGMMA_S8, 64, WGMMA_INT, 64, 65, 66, "");
}

GPU_FN void gpu_wgmma_s8(int32_t (&d)[96], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(192, WGMMA_S8, 96, WGMMA_INT, 96, 97, 98, "");
}

GPU_FN void gpu_wgmma_s8(int32_t (&d)[128], gpu_operand a, gpu_operand b, uint32_t more)
{
	WGMMA_STEP(256, WGMMA_S8, 128, WGMMA_INT, 128, 129, 130, "");
}

/* Warp: true in one of its threads, the same each time, which the compiler knows to be one. */
GPU_FN bool gpu_one_lane(void)
{
	uint32_t r;

	asm volatile(
		"{\n\t.reg .pred p;\n\telect.sync _|p, 0xffffffff;\n\tselp.u32 %0, 1, 0, p;\n\t}"
		: "=r"(r));
	return r;
}

/* --- arithmetic of epilogues -------------------------------------------------------- */

/* 1 / x rounded, for x from 1 to 2, or NaN. */
GPU_FN float gpu_reciprocal(float x)
{
	float y;

	asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return __fmaf_rn(__fmaf_rn(-x, y, 1.0f), y, y);
}

/* Is a or b a NaN? */
GPU_FN bool gpu_either_nan(float a, float b)
{
	uint32_t r;

	asm("{\n\t.reg .pred p;\n\tsetp.nan.f32 p, %1, %2;\n\tselp.u32 %0, 1, 0, p;\n\t}"
	    : "=r"(r)
	    : "f"(a), "f"(b));
	return r;
}

#endif /* GPU_SHIM */

#endif /* GPU_WGMMA_H */
