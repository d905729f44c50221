/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernels.h - every kernel of drivers/gpu, once: X(name, argument struct, threads a block). Those
 * of kernels.cu come first, from GPU_SHARED_KERNELS on those that sm80.cu has beside them, those of
 * sm90.cu from GPU_SM80_END on, and from GPU_SM90_END on those that cdna.cu has beside kernels.cu's.
 * The entry point in the device image is `gpu_<name>`, extern "C"; its one parameter is the
 * argument struct by value; no block has more threads than stated here.
 */
#ifndef GPU_KERNELS_H
#define GPU_KERNELS_H

#define GPU_KERNELS(X)                                                                             \
	X(embed, gpu_embed_args, 256)                                                              \
	X(rmsnorm, gpu_rmsnorm_args, GPU_MANY_THREADS)                                             \
	X(matmul_rows_bf16, gpu_matmul_args, 128)                                                  \
	X(matmul_rows_f16, gpu_matmul_args, 128)                                                   \
	X(matmul_tile_bf16, gpu_matmul_args, 256)                                                  \
	X(matmul_tile_f16, gpu_matmul_args, 256)                                                   \
	X(matmul_tile_seg_bf16, gpu_matmul_args, 256)                                              \
	X(matmul_tile_seg_f16, gpu_matmul_args, 256)                                               \
	X(matmul_i8_rows, gpu_matmul_args, 256)                                                    \
	X(matmul_i8_tile, gpu_matmul_args, 256)                                                    \
	X(rope_kv, gpu_rope_kv_args, 128)                                                          \
	X(rope_kv_long, gpu_rope_kv_args, 128)                                                     \
	X(rope_kv_rows, gpu_rope_kv_args, 128)                                                     \
	X(attention_64, gpu_attention_args, 256)                                                   \
	X(attention_128, gpu_attention_args, 256)                                                  \
	X(attention_256, gpu_attention_args, 256)                                                  \
	X(attention_512, gpu_attention_args, 256)                                                  \
	X(attention_merge, gpu_attention_args, GPU_MERGE_THREADS)                                  \
	X(attention_decode_bf16_64, gpu_attention_args, 256)                                       \
	X(attention_decode_bf16_128, gpu_attention_args, 256)                                      \
	X(attention_decode_bf16_any, gpu_attention_args, 256)                                      \
	X(attention_decode_f16_64, gpu_attention_args, 256)                                        \
	X(attention_decode_f16_128, gpu_attention_args, 256)                                       \
	X(attention_decode_f16_any, gpu_attention_args, 256)                                       \
	X(rope_attention_bf16_64, gpu_rope_attention_args, 256)                                    \
	X(rope_attention_bf16_128, gpu_rope_attention_args, 256)                                   \
	X(rope_attention_f16_64, gpu_rope_attention_args, 256)                                     \
	X(rope_attention_f16_128, gpu_rope_attention_args, 256)                                    \
	X(rope_attention_early_bf16_64, gpu_rope_attention_args, 256)                              \
	X(rope_attention_early_bf16_128, gpu_rope_attention_args, 256)                             \
	X(rope_attention_early_f16_64, gpu_rope_attention_args, 256)                               \
	X(rope_attention_early_f16_128, gpu_rope_attention_args, 256)                              \
	X(glu, gpu_glu_args, 256)                                                                  \
	X(add, gpu_add_args, 256)                                                                  \
	X(gather_rows, gpu_gather_rows_args, 128)                                                  \
	X(cast, gpu_cast_args, 256)                                                                \
	X(cast_panels, gpu_cast_args, 256)                                                         \
	X(quantise, gpu_quantise_args, GPU_MANY_THREADS)                                           \
	X(quantise_panels, gpu_quantise_args, GPU_MANY_THREADS)                                    \
	X(quantise_wide, gpu_quantise_args, GPU_QUANTISE_THREADS)                                  \
	X(rmsnorm_wide, gpu_rmsnorm_args, GPU_WIDE_THREADS)                                        \
	X(rmsnorm_row, gpu_rmsnorm_args, GPU_NORM_ROW_THREADS)                                     \
	X(copy_pages, gpu_copy_pages_args, 256)                                                    \
	X(logits_cap, gpu_logits_args, 256)                                                        \
	X(logits_tokens, gpu_logits_args, 128)                                                     \
	X(argmax_start, gpu_argmax_args, 256)                                                      \
	X(argmax, gpu_argmax_args, 512)                                                            \
	X(sample, gpu_sample_args, 512)                                                            \
	X(logprobs, gpu_logprobs_args, 256)                                                        \
	X(all_reduce, gpu_all_reduce_args, 256)                                                    \
	X(all_gather, gpu_all_gather_args, 256)

/* Those of CUDA, whatever the architecture: they take more shared memory than AMD's devices have. */
#define GPU_SM80_KERNELS(X)                                                                        \
	X(attention_fma_bf16_64, gpu_attention_args, GPU_FMA_THREADS)                              \
	X(attention_fma_bf16_128, gpu_attention_args, GPU_FMA_THREADS)                             \
	X(attention_fma_f16_64, gpu_attention_args, GPU_FMA_THREADS)                               \
	X(attention_fma_f16_128, gpu_attention_args, GPU_FMA_THREADS)

/*
 * Those of sm90.cu, which use the matrix units and bulk copies of compute capability 9.0. A
 * second device image holds them; a device without them never gets a plan that launches one.
 */
#define GPU_SM90_KERNELS(X)                                                                        \
	X(matmul_wgmma_bf16_256, gpu_wgmma_args, 384)                                              \
	X(matmul_wgmma_bf16_192, gpu_wgmma_args, 384)                                              \
	X(matmul_wgmma_bf16_128, gpu_wgmma_args, 384)                                              \
	X(matmul_wgmma_bf16_64, gpu_wgmma_args, 384)                                               \
	X(matmul_wgmma_bf16_seg, gpu_wgmma_args, 384)                                              \
	X(matmul_wgmma_f16_256, gpu_wgmma_args, 384)                                               \
	X(matmul_wgmma_f16_64, gpu_wgmma_args, 384)                                                \
	X(matmul_wgmma_f16_seg, gpu_wgmma_args, 384)                                               \
	X(matmul_wgmma_i8_256, gpu_wgmma_args, 384)                                                \
	X(matmul_wgmma_i8_128, gpu_wgmma_args, 384)                                                \
	X(matmul_wgmma_i8_64, gpu_wgmma_args, 384)                                                 \
	X(matmul_wgmma_i8x2_256, gpu_wgmma_args, 384)                                              \
	X(matmul_wgmma_i8x2_128, gpu_wgmma_args, 384)                                              \
	X(attention_tc_bf16_64, gpu_attention_args, GPU_TC_THREADS)                                \
	X(attention_tc_bf16_128, gpu_attention_args, GPU_TC_THREADS)                               \
	X(attention_tc_f16_64, gpu_attention_args, GPU_TC_THREADS)                                 \
	X(attention_tc_f16_128, gpu_attention_args, GPU_TC_THREADS)                                \
	X(attention_tc_decode_bf16_64, gpu_attention_args, 256)                                    \
	X(attention_tc_decode_bf16_128, gpu_attention_args, 256)                                   \
	X(attention_tc_decode_bf16_any, gpu_attention_args, 256)                                   \
	X(attention_tc_decode_f16_64, gpu_attention_args, 256)                                     \
	X(attention_tc_decode_f16_128, gpu_attention_args, 256)                                    \
	X(attention_tc_decode_f16_any, gpu_attention_args, 256)                                    \
	X(rope_attention_tc_bf16_64, gpu_rope_attention_args, 256)                                 \
	X(rope_attention_tc_bf16_128, gpu_rope_attention_args, 256)                                \
	X(rope_attention_tc_f16_64, gpu_rope_attention_args, 256)                                  \
	X(rope_attention_tc_f16_128, gpu_rope_attention_args, 256)                                 \
	X(rope_attention_tc_early_bf16_64, gpu_rope_attention_args, 256)                           \
	X(rope_attention_tc_early_bf16_128, gpu_rope_attention_args, 256)                          \
	X(rope_attention_tc_early_f16_64, gpu_rope_attention_args, 256)                            \
	X(rope_attention_tc_early_f16_128, gpu_rope_attention_args, 256)                           \
	X(matmul_any_bf16, gpu_matmul_args, 128)                                                   \
	X(matmul_any_f16, gpu_matmul_args, 128)                                                    \
	X(matmul_batch_bf16_16, gpu_batch_args, 192)                                               \
	X(matmul_batch_bf16_32, gpu_batch_args, 192)                                               \
	X(matmul_batch_bf16_48, gpu_batch_args, 192)                                               \
	X(matmul_batch_bf16_64, gpu_batch_args, 192)                                               \
	X(matmul_batch_bf16_96, gpu_batch_args, 192)                                               \
	X(matmul_batch_bf16_192, gpu_batch_args, 320)                                              \
	X(matmul_batch_f16_16, gpu_batch_args, 192)                                                \
	X(matmul_batch_f16_32, gpu_batch_args, 192)                                                \
	X(matmul_batch_f16_48, gpu_batch_args, 192)                                                \
	X(matmul_batch_f16_64, gpu_batch_args, 192)                                                \
	X(matmul_batch_f16_96, gpu_batch_args, 192)                                                \
	X(matmul_batch_f16_192, gpu_batch_args, 320)                                               \
	X(matmul_batch_i8_16, gpu_batch_args, 192)                                                 \
	X(matmul_batch_i8_32, gpu_batch_args, 192)                                                 \
	X(matmul_batch_i8_48, gpu_batch_args, 192)                                                 \
	X(matmul_batch_i8_64, gpu_batch_args, 192)                                                 \
	X(matmul_batch_i8_96, gpu_batch_args, 192)                                                 \
	X(matmul_batch_i8_192, gpu_batch_args, 320)                                                \
	X(matmul_batch_i8x2_16, gpu_batch_args, 192)                                               \
	X(matmul_batch_i8x2_32, gpu_batch_args, 192)                                               \
	X(matmul_batch_i8x2_48, gpu_batch_args, 192)                                               \
	X(matmul_batch_i8x2_64, gpu_batch_args, 192)                                               \
	X(matmul_batch_i8x2_96, gpu_batch_args, 192)                                               \
	X(matmul_batch_i8x2_192, gpu_batch_args, 320)                                              \
	X(matmul_stream_bf16_8_1, gpu_stream_args, 384)                                            \
	X(matmul_stream_bf16_8_2, gpu_stream_args, 384)                                            \
	X(matmul_stream_bf16_16_1, gpu_stream_args, 384)                                           \
	X(matmul_stream_bf16_16_2, gpu_stream_args, 384)                                           \
	X(matmul_stream_bf16_32_2, gpu_stream_args, 384)                                           \
	X(matmul_stream_f16_8_1, gpu_stream_args, 384)                                             \
	X(matmul_stream_f16_8_2, gpu_stream_args, 384)                                             \
	X(matmul_stream_f16_16_1, gpu_stream_args, 384)                                            \
	X(matmul_stream_f16_16_2, gpu_stream_args, 384)                                            \
	X(matmul_stream_f16_32_2, gpu_stream_args, 384)                                            \
	X(matmul_stream_i8_8_1, gpu_stream_args, 384)                                              \
	X(matmul_stream_i8_8_2, gpu_stream_args, 384)                                              \
	X(matmul_stream_i8_16_1, gpu_stream_args, 384)                                             \
	X(matmul_stream_i8_16_2, gpu_stream_args, 384)                                             \
	X(matmul_stream_i8_32_2, gpu_stream_args, 384)                                             \
	X(matmul_stream_i8x2_8_1, gpu_stream_args, 384)                                            \
	X(matmul_stream_i8x2_8_2, gpu_stream_args, 384)                                            \
	X(matmul_stream_i8x2_16_2, gpu_stream_args, 384)                                           \
	X(matmul_stream_i8x2_32_2, gpu_stream_args, 320)                                           \
	X(matmul_stream_seg_bf16, gpu_stream_args, 384)                                            \
	X(matmul_stream_seg_f16, gpu_stream_args, 384)

/* Those of the matrix units of CDNA; a device without them never gets a plan that launches one. */
#define GPU_CDNA_KERNELS(X)                                                                        \
	X(matmul_mfma_bf16, gpu_matmul_args, GPU_MFMA_THREADS)                                     \
	X(matmul_mfma_f16, gpu_matmul_args, GPU_MFMA_THREADS)                                      \
	X(attention_mfma_64, gpu_attention_args, 256)                                              \
	X(attention_mfma_128, gpu_attention_args, 256)                                             \
	X(attention_mfma_256, gpu_attention_args, 256)                                             \
	X(attention_mfma_512, gpu_attention_args, 256)

#define GPU_ALL_KERNELS(X)                                                                         \
	GPU_KERNELS(X) GPU_SM80_KERNELS(X) GPU_SM90_KERNELS(X) GPU_CDNA_KERNELS(X)

#define GPU_KERNEL_ENUM(name, args, threads) GPU_K_##name,
enum gpu_kernel {
	GPU_KERNELS(GPU_KERNEL_ENUM) GPU_SHARED_KERNELS,
	GPU_SM80_FIRST = GPU_SHARED_KERNELS - 1,
	GPU_SM80_KERNELS(GPU_KERNEL_ENUM) GPU_SM80_END,
	GPU_SM90_FIRST = GPU_SM80_END - 1,
	GPU_SM90_KERNELS(GPU_KERNEL_ENUM) GPU_SM90_END,
	GPU_CDNA_FIRST = GPU_SM90_END - 1,
	GPU_CDNA_KERNELS(GPU_KERNEL_ENUM) GPU_KERNEL_COUNT
};
#undef GPU_KERNEL_ENUM

#endif /* GPU_KERNELS_H */
