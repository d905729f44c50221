/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bugs.h - the list of seeded bugs, the only one: the parameter's choices, the enum,
 * the table and the test of the conformance kit are all made from it.
 *
 * BUG(ID, name, op, cases, what): `op` is the op whose plain form (plain.h) has the bug,
 * NONE when it sits elsewhere; `cases` is a glob over ids of the kit's cases, the
 * narrowest run that must find it: of the quick list, or of the whole one after "full:";
 * "*" is a run without a filter. `what` says what is wrong.
 */
#ifndef FAULTY_BUGS_H
#define FAULTY_BUGS_H

/* clang-format off */
#define FAULTY_BUGS(BUG)                                                                           \
	/* matmul: edges */                                                                        \
	BUG(MM_ROW_TAIL, "matmul-row-tail", MATMUL, "l2/matmul/fma32/*",                           \
	    "the last row is not computed when the rows are no multiple of 4")                     \
	BUG(MM_COLUMN_TAIL, "matmul-column-tail", MATMUL, "l2/matmul/fma32/*",                     \
	    "the last column repeats the one before when the columns are no multiple of 16")       \
	BUG(MM_K_TAIL, "matmul-k-tail", MATMUL, "l2/matmul/fma32/*",                               \
	    "the last element of K is dropped when K is no multiple of 8")                         \
	/* matmul: the order of the sum */                                                         \
	BUG(MM_TREE_ORDER, "matmul-tree-sequential", MATMUL, "l2/matmul/fma32/*",                  \
	    "segments are added from left to right instead of pairwise")                           \
	BUG(MM_SEGMENTS, "matmul-segments-ignored", MATMUL, "l2/matmul/fma32/*",                   \
	    "one chain over the whole of K whatever S is")                                         \
	BUG(MM_REVERSED, "matmul-chain-reversed", MATMUL, "l2/matmul/fma32/*",                     \
	    "the chain of a segment goes from its end to its start")                               \
	BUG(MM_BATCH, "matmul-batch-dependent", MATMUL, "l2/matmul/fma32/*",                       \
	    "with more than 8 rows K is cut in two")                                               \
	BUG(MM_THREADS, "matmul-thread-dependent", MATMUL, "l2/matmul/fma32/*",                    \
	    "K is cut into as many parts as there are threads, plus one")                          \
	BUG(MM_RACE, "matmul-data-race", MATMUL, "l2/matmul/fma32/*",                              \
	    "two threads add to one partial sum without a lock")                                   \
	/* matmul: arithmetic */                                                                   \
	BUG(MM_NOT_FUSED, "matmul-not-fused", MATMUL, "l2/matmul/fma32/*",                         \
	    "a multiplication and an addition where one fma is due")                               \
	BUG(MM_FTZ_IN, "matmul-ftz-inputs", MATMUL, "l2/matmul/fma32/*",                           \
	    "subnormal inputs count as zero")                                                      \
	BUG(MM_FTZ_OUT, "matmul-ftz-outputs", MATMUL, "l2/matmul/fma32/*",                         \
	    "a subnormal result becomes zero")                                                     \
	BUG(MM_NAN, "matmul-nan-payload", MATMUL, "l2/matmul/tc-sm90/*",                           \
	    "the dot unit's NaN 0x7fffffff is stored as it is")                                    \
	/* matmul: the tensor core's unit */                                                       \
	BUG(TC_F24, "tc-f24", MATMUL, "l2/matmul/tc-sm90/*",                                       \
	    "terms keep 24 fraction bits instead of 25")                                           \
	BUG(TC_F26, "tc-f26", MATMUL, "l2/matmul/tc-sm90/*",                                       \
	    "terms keep 26 fraction bits instead of 25")                                           \
	BUG(TC_ROUNDED, "tc-rounded", MATMUL, "l2/matmul/tc-sm90/*",                               \
	    "the result is rounded to nearest instead of truncated")                               \
	BUG(TC_FLOOR, "tc-floor", MATMUL, "l2/matmul/tc-sm90/*",                                   \
	    "terms are truncated downwards instead of toward zero")                                \
	BUG(TC_STICKY, "tc-sticky", MATMUL, "l2/matmul/tc-sm90/*",                                 \
	    "bits shifted out of a term are kept as a sticky bit")                                 \
	BUG(TC_ZEROS, "tc-zeros-take-part", MATMUL, "l2/matmul/tc-sm90/*",                         \
	    "zero terms take part in the largest exponent")                                        \
	BUG(TC_MINUS_ZERO, "tc-minus-zero", MATMUL, "l2/matmul/tc-sm90/*",                         \
	    "a zero sum after a negative term is -0")                                              \
	BUG(TC_INF, "tc-inf-minus-inf", MATMUL, "l2/matmul/tc-sm90/*",                             \
	    "inf - inf gives inf")                                                                 \
	BUG(TC_L8, "tc-blocks-of-8", MATMUL, "l2/matmul/tc-sm90/*",                                \
	    "blocks of 8 terms instead of 16")                                                     \
	BUG(TC_L15, "tc-blocks-of-15", MATMUL, "l2/matmul/tc-sm90/*",                              \
	    "L is one too small")                                                                  \
	BUG(TC_SM80_L16, "tc-sm80-blocks-of-16", MATMUL, "l2/matmul/tc-sm80/*",                    \
	    "tc-sm80 takes 16 terms at once instead of two halves")                                \
	BUG(TC_E4M3_KEEP, "tc-e4m3-23-bits", MATMUL, "l2/matmul/tc-sm90-e4m3/*",                   \
	    "the e4m3 unit keeps 23 fraction bits of its result instead of 13")                    \
	BUG(TC_SUBNORMAL, "tc-flushed", MATMUL, "l2/matmul/tc-sm90/*",                             \
	    "the unit's subnormal results become zero")                                            \
	/* matmul: integers */                                                                     \
	BUG(I8_SCALES, "i8-scale-order", MATMUL, "l2/matmul/i8/*",                                 \
	    "acc * (s_x * s_w) instead of (acc * s_x) * s_w")                                      \
	BUG(I8_SATURATES, "i8-saturates", MATMUL, "l2/matmul/i8/*",                                \
	    "four products at a time are added in 16 bits with saturation")                        \
	BUG(I8X2_TWICE, "i8x2-rounded-twice", MATMUL, "l2/matmul/i8x2/*",                          \
	    "the two slices' sums are converted to fp32 one by one")                               \
	BUG(I8X2_UNSIGNED, "i8x2-unsigned-lo", MATMUL, "l2/matmul/i8x2/*",                         \
	    "the lo slice is read as unsigned")                                                    \
	/* matmul: the epilogue */                                                                 \
	BUG(MM_BIAS_LATE, "matmul-bias-after-act", MATMUL, "l2/matmul/fma32/*",                    \
	    "the bias of the gate is added after the activation")                                  \
	BUG(MM_RESIDUAL_EARLY, "matmul-residual-before-bias", MATMUL, "l2/matmul/fma32/*",         \
	    "the residual is added before the bias")                                               \
	BUG(MM_GELU, "matmul-gelu-for-silu", MATMUL, "l2/matmul/fma32/*",                          \
	    "both activations are gelu")                                                           \
	BUG(MM_MID, "matmul-mid-type-ignored", MATMUL, "l2/matmul/fma32/*",                        \
	    "gate and up are not rounded before the activation")                                   \
	/* matmul: memory */                                                                       \
	BUG(MM_PAST_END, "write-past-end", MATMUL, "l2/matmul/fma32/*",                            \
	    "one element behind the last row of the output is written")                            \
	BUG(MM_BEFORE, "write-before-start", MATMUL, "l2/matmul/fma32/*",                          \
	    "one element in front of the output is written")                                       \
	BUG(MM_PADDING, "write-row-padding", MATMUL, "l2/matmul/fma32/*",                          \
	    "the element behind the last column of each row is written")                           \
	BUG(MM_INPUT, "write-input", MATMUL, "l2/matmul/fma32/*",                                  \
	    "an input is used as scratch: the sign of x[0] is flipped")                            \
	BUG(MM_STATE, "state-between-launches", MATMUL, "l2/matmul/fma32/*",                       \
	    "every third launch differs in the last bit of the first element")                     \
	/* attention */                                                                            \
	BUG(AT_FUTURE, "attention-future-key", ATTENTION, "l2/attention/fma32/*",                  \
	    "a row of a prefill sees the next key too")                                            \
	BUG(AT_WINDOW, "attention-window", ATTENTION, "l2/attention/fma32/*",                      \
	    "the sliding window is one key too wide")                                              \
	BUG(AT_SOFTCAP, "attention-softcap-ignored", ATTENTION, "l2/attention/fma32/*",            \
	    "scores are not capped")                                                               \
	BUG(AT_DESCENDING, "attention-merge-descending", ATTENTION, "l2/attention/fma32/*",        \
	    "chunks are merged from the last to the first")                                        \
	BUG(AT_CHUNK, "attention-chunk-ignored", ATTENTION, "l2/attention/fma32/*",                \
	    "one chunk over all keys")                                                             \
	BUG(AT_BLOCK, "attention-block-of-32", ATTENTION, "l2/attention/fma32/*",                  \
	    "online softmax in blocks of 32 keys")                                                 \
	BUG(AT_P, "attention-p-not-rounded", ATTENTION, "l2/attention/fma32/*",                    \
	    "p is not rounded to the KV type before PV")                                           \
	BUG(AT_L, "attention-l-not-rounded", ATTENTION, "l2/attention/fma32/*",                    \
	    "l sums p before its rounding")                                                        \
	BUG(AT_BLOCK_SUM, "attention-sum-sequential", ATTENTION, "l2/attention/fma32/*",           \
	    "the p of a block are added one after the other")                                      \
	BUG(AT_HEADS, "attention-gqa-modulo", ATTENTION, "l2/attention/fma32/*",                   \
	    "head h uses KV head h % n instead of h / group")                                      \
	BUG(AT_SEQUENCE, "attention-wrong-sequence", ATTENTION, "l2/attention/fma32/*",            \
	    "every row uses the first sequence's pages")                                           \
	BUG(AT_PADDING, "attention-padding-rows", ATTENTION, "l2/attention/fma32/*",               \
	    "padding rows are left as they are instead of +0")                                     \
	BUG(AT_MASKED, "attention-masked-times-zero", ATTENTION, "l2/attention/fma32/*",           \
	    "masked values are multiplied by 0 instead of left out: 0 * NaN")                      \
	BUG(AT_DECODE, "attention-decode-differs", ATTENTION, "l2/attention/fma32/*",              \
	    "a step of one row cuts its keys into chunks of 64")                                   \
	BUG(AT_PAGE, "attention-page-dependent", ATTENTION, "l2/attention/fma32/*",                \
	    "blocks are as long as a page")                                                        \
	BUG(AT_SCRATCH, "attention-scratch-overrun", ATTENTION, "l2/attention/fma32/*",            \
	    "one element behind the scratch memory is written")                                    \
	BUG(AT_STALE, "attention-stale-scratch", ATTENTION, "l2/attention/fma32/*",                \
	    "the result depends on what the scratch memory held before")                           \
	BUG(AT_UNIT, "attention-wrong-unit", ATTENTION, "l2/attention/tc-sm80/*",                  \
	    "QK and PV always use the unit of tc-sm90 where a tensor core is due")                 \
	BUG(AT_LONG, "attention-long-context", ATTENTION, "full:l5/large-attention/fma32/*",       \
	    "only the last 4096 keys are seen")                                                    \
	/* rmsnorm */                                                                              \
	BUG(RN_EPS, "rmsnorm-eps-outside", RMSNORM, "l2/rmsnorm/*",                                \
	    "eps is added after the square root")                                                  \
	BUG(RN_RSQRT, "rmsnorm-rsqrt-ulp", RMSNORM, "l2/rmsnorm/*",                                \
	    "1 / sqrt is one ulp too large")                                                       \
	BUG(RN_LANES, "rmsnorm-128-lanes", RMSNORM, "l2/rmsnorm/*",                                \
	    "128 partial sums instead of 256")                                                     \
	BUG(RN_SEQUENTIAL, "rmsnorm-sequential", RMSNORM, "l2/rmsnorm/*",                          \
	    "one sum from left to right")                                                          \
	BUG(RN_OFFSET, "rmsnorm-offset-ignored", RMSNORM, "l2/rmsnorm/*",                          \
	    "weight_offset is ignored")                                                            \
	BUG(RN_ORDER, "rmsnorm-weight-first", RMSNORM, "l2/rmsnorm/*",                             \
	    "x * (r * w) instead of (x * r) * w")                                                  \
	BUG(RN_ADD, "rmsnorm-add-not-stored", RMSNORM, "l2/rmsnorm/*",                             \
	    "the sum x + add is not stored back")                                                  \
	/* rope_kv */                                                                              \
	BUG(RO_INTERLEAVED, "rope-interleaved", ROPE_KV, "l2/rope_kv/*",                           \
	    "pairs are (2i, 2i + 1) instead of (i, i + rot_dim / 2)")                              \
	BUG(RO_TABLE, "rope-table-row", ROPE_KV, "l2/rope_kv/*",                                   \
	    "the angle is that of the next position")                                              \
	BUG(RO_FUSED, "rope-not-fused", ROPE_KV, "l2/rope_kv/*",                                   \
	    "products are rounded before they are added")                                          \
	BUG(RO_K_NORM, "rope-k-norm-skipped", ROPE_KV, "l2/rope_kv/*",                             \
	    "k is not normed")                                                                     \
	BUG(RO_SLOT, "rope-kv-slot", ROPE_KV, "l2/rope_kv/*",                                      \
	    "the last slot of a page is stored into the one before")                               \
	BUG(RO_SEQUENCE, "rope-wrong-sequence", ROPE_KV, "l2/rope_kv/*",                           \
	    "k and v go to the pages of the first sequence")                                       \
	BUG(RO_PADDING, "rope-padding-row", ROPE_KV, "l2/rope_kv/*",                               \
	    "q of a padding row is left as it is instead of +0")                                   \
	/* conversions */                                                                          \
	BUG(CV_HALF_UP, "bf16-half-up", NONE, "l2/cast/*",                                         \
	    "ties round away from zero instead of to even")                                        \
	BUG(CV_TRUNCATED, "bf16-truncated", NONE, "l2/cast/*",                                     \
	    "bf16 is the upper half of fp32")                                                      \
	BUG(CV_STICKY, "bf16-sticky-dropped", NONE, "l2/cast/*",                                   \
	    "bits below the rounding bit are lost: what is above a tie counts as one")             \
	BUG(CV_ODD, "bf16-to-odd", NONE, "l2/cast/*",                                              \
	    "ties round to odd")                                                                   \
	BUG(CV_F16_FLUSH, "f16-flushed", NONE, "l2/cast/*",                                        \
	    "fp16 subnormals become zero")                                                         \
	BUG(CV_F16_OVERFLOW, "f16-saturates", NONE, "l2/cast/*",                                   \
	    "fp16 overflow gives 65504 instead of infinity")                                       \
	BUG(CV_NAN, "nan-payload", NONE, "l2/*/any/*",                                             \
	    "a NaN that is computed keeps its payload")                                            \
	BUG(CV_BF16_NAN, "bf16-nan-payload", NONE, "l2/cast/*",                                    \
	    "a NaN that becomes bf16 keeps its upper half")                                        \
	BUG(CV_FTZ, "ftz-outputs", NONE, "l2/add/*",                                               \
	    "subnormal fp32 results become zero")                                                  \
	BUG(Q_E4M3_NAN, "e4m3-no-saturation", NONE, "l2/quantise/*",                               \
	    "what rounds to the largest e4m3 becomes NaN")                                         \
	BUG(Q_I8_AWAY, "i8-half-away", NONE, "l2/quantise/*",                                      \
	    "quantisation rounds ties away from zero")                                             \
	BUG(Q_I8_128, "i8-minus-128", NONE, "l2/quantise/*",                                       \
	    "absmax / 128 with a clamp at -128 and 127")                                           \
	BUG(Q_I8X2_HI, "i8x2-floor-hi", NONE, "l2/quantise/*",                                     \
	    "the hi slice does not carry what the lo slice's sign takes")                          \
	BUG(Q_TINY, "quantise-tiny-rows", NONE, "l2/quantise/*",                                   \
	    "rows below the smallest absmax are quantised instead of zeroed")                      \
	/* rows of other ops */                                                                    \
	BUG(GLU_SILU, "glu-silu-division", NONE, "l2/glu/*",                                       \
	    "silu is x / (1 + exp(-x)), which overflows on the way")                               \
	BUG(EM_SCALE, "embed-scale-ignored", NONE, "l2/embed/*",                                   \
	    "the scale is not applied")                                                            \
	BUG(EM_16BIT, "embed-16-bit-rows", NONE, "full:l5/large-embed/*",                          \
	    "rows from 65536 on are not written")                                                  \
	BUG(EM_RANGE, "embed-id-clamped", NONE, "l2/embed/*",                                      \
	    "an id outside the table gives its last row instead of NaN")                           \
	BUG(GA_MINUS_ONE, "gather-minus-one", NONE, "l2/gather_rows/*",                            \
	    "row -1 reads row 0 instead of zeros")                                                 \
	BUG(CP_K_ONLY, "copy-pages-k-only", NONE, "l2/copy_pages/*",                               \
	    "pages of V are not copied")                                                           \
	BUG(AR_ORDER, "all-reduce-sequential", NONE, "l2/all_reduce/*",                            \
	    "ranks are added from left to right")                                                  \
	BUG(AG_ORDER, "all-gather-order", NONE, "l2/all_gather/*",                                 \
	    "the first two ranks change places")                                                   \
	/* logits */                                                                               \
	BUG(AM_LAST, "argmax-last-of-equals", NONE, "l2/argmax/*",                                 \
	    "the highest id among equals wins")                                                    \
	BUG(AM_NAN, "argmax-nan-wins", NONE, "l2/argmax/*",                                        \
	    "NaN is larger than everything")                                                       \
	BUG(AM_ZERO, "argmax-minus-zero", NONE, "l2/argmax/*",                                     \
	    "+0 is larger than -0")                                                                \
	BUG(AM_16BIT, "argmax-16-bit-ids", NONE, "full:l5/large-argmax/*",                         \
	    "ids are counted in 16 bits")                                                          \
	BUG(LG_BIAS, "logits-bias-late", NONE, "l2/logits/*",                                      \
	    "the bias is added after the penalties")                                               \
	BUG(LG_REPETITION, "logits-repetition-negative", NONE, "l2/logits/*",                      \
	    "negative logits are divided by the repetition penalty too")                           \
	BUG(LG_PRESENCE, "logits-presence-prompt", NONE, "l2/logits/*",                            \
	    "the presence penalty hits tokens that are only in the prompt")                        \
	BUG(LP_TREE, "logprobs-tree", NONE, "l2/logprobs/*",                                       \
	    "the lanes of the sum are added neighbour by neighbour")                               \
	BUG(LP_TIES, "logprobs-top-ties", NONE, "l2/logprobs/*",                                   \
	    "equals among the best come with the highest id first")                                \
	BUG(SA_TIES, "top-k-ties", SAMPLE, "l2/sample/*",                                          \
	    "top-k prefers the higher id among equals")                                            \
	BUG(SA_TOP_P, "top-p-off-by-one", SAMPLE, "l2/sample/*",                                   \
	    "top-p keeps one candidate too many")                                                  \
	BUG(SA_MIN_P, "min-p-strict", SAMPLE, "l2/sample/*",                                       \
	    "a candidate of exactly min_p is dropped")                                             \
	BUG(SA_KEY, "philox-key-swapped", SAMPLE, "l2/sample/*",                                   \
	    "the halves of the seed change places")                                                \
	BUG(SA_FLOAT, "sample-float-sums", SAMPLE, "l2/sample/*",                                  \
	    "weights are summed in fp32")                                                          \
	BUG(SA_ORDER, "sample-by-rank", SAMPLE, "l2/sample/*",                                     \
	    "the draw walks by rank instead of by id")                                             \
	/* load and lifecycle */                                                                   \
	BUG(DV_ID, "device-id-changes", NONE, "l0/*",                                              \
	    "each probe names the device anew")                                                    \
	BUG(DV_COUNT, "probe-overflow", NONE, "l0/*",                                              \
	    "probe writes a descriptor even when there is room for none")                          \
	BUG(DV_PROFILES, "profiles-lie", NONE, "*",                                                \
	    "tc-sm80 is declared, and every matmul in it refused")                                 \
	BUG(DV_PORTABLE, "fma32-missing", NONE, "l[02]/*",                                         \
	    "the profile that every driver must have is not declared")                             \
	BUG(DV_TYPES, "op-types-lie", NONE, "l[02]/*",                                             \
	    "argmax is missing from the mask of ops")                                              \
	BUG(DV_THREAD, "close-leaves-thread", NONE, "l[05]/*",                                     \
	    "a thread of the device outlives it")                                                  \
	BUG(DV_FD, "open-leaks-fd", NONE, "l[05]/*",                                               \
	    "each open keeps a file descriptor")                                                   \
	BUG(DV_MEMORY, "close-leaks-memory", NONE, "l[05]/*",                                      \
	    "each open keeps a megabyte")                                                          \
	BUG(DV_NULL, "close-null-crash", NONE, "l[01]/*",                                          \
	    "close, queue_destroy and mem_free crash on NULL")                                     \
	BUG(DV_INDEX, "open-any-index", NONE, "l0/*",                                              \
	    "a device that does not exist can be opened")                                          \
	BUG(DV_MESSAGE, "no-message", NONE, "l[012]/*",                                            \
	    "failures come without a message")                                                     \
	/* memory */                                                                               \
	BUG(ME_ALIGN, "alloc-align-64", NONE, "l[12]/*",                                           \
	    "allocations are aligned to 64 bytes")                                                 \
	BUG(ME_LEAK, "free-leaks", NONE, "l[15]/*",                                                \
	    "mem_free gives nothing back")                                                         \
	BUG(ME_OVERLAP, "alloc-overlaps", NONE, "l[12]/*",                                         \
	    "small allocations share their last bytes with the next one")                          \
	BUG(ME_SHORT, "alloc-rounds-down", NONE, "l[12]/*",                                        \
	    "sizes are rounded down to whole pages when larger than one")                          \
	BUG(ME_NULL, "exhausted-null", NONE, "l1/*",                                               \
	    "when memory runs out mem_alloc returns 0 and no memory")                              \
	BUG(ME_CRASH, "exhausted-crash", NONE, "l1/*",                                             \
	    "when memory runs out mem_alloc aborts the process")                                   \
	BUG(ME_CODE, "exhausted-code", NONE, "l1/*",                                               \
	    "when memory runs out the error is -EIO")                                              \
	BUG(ME_PINNED, "pinned-without-host", NONE, "l1/*",                                        \
	    "pinned memory comes without a host pointer")                                          \
	BUG(ME_FREE, "heap-free-above-total", NONE, "l0/*",                                        \
	    "a heap has more free than in total")                                                  \
	/* queues */                                                                               \
	BUG(QU_STALE, "stale-event", NONE, "l[12]/*",                                              \
	    "signal does not wait for the op before it")                                           \
	BUG(QU_ORDER, "queue-order", NONE, "l2/weights/*",                                         \
	    "the second of two ops runs before the first")                                         \
	BUG(QU_CROSS, "queue-wait-ignored", NONE, "l4/queues/fma32",                               \
	    "work after queue_wait does not wait for the other queue")                             \
	BUG(QU_COPY_LATE, "copy-reads-late", NONE, "l1/*",                                         \
	    "host memory of a copy to the device is read after the call returned")                 \
	BUG(QU_WAIT, "wait-early", NONE, "l1/*",                                                   \
	    "wait returns 0 for a value that was never signalled")                                 \
	BUG(QU_HANG, "wait-past-deadline", NONE, "l1/*",                                           \
	    "wait comes back six seconds after its deadline")                                      \
	BUG(QU_TIMELINE, "timeline-repeats", NONE, "l1/*",                                         \
	    "two signals in a row give one value")                                                 \
	BUG(QU_COPY_ODD, "copy-odd-bytes", NONE, "l1/*",                                           \
	    "the last byte of an odd copy on the device is dropped")                               \
	BUG(QU_FILL, "fill-sign", NONE, "l1/*",                                                    \
	    "fill loses the value's top bit")                                                      \
	BUG(QU_FILL_WORDS, "fill-words", NONE, "l1/*",                                             \
	    "fill writes whole words")                                                             \
	BUG(QU_SHARED, "state-shared-by-devices", NONE, "l5/threads/*",                            \
	    "the op that is launched is kept in one place for all devices")                        \
	BUG(QU_LEAK, "queue-leaks", NONE, "l0/*",                                                  \
	    "queue_destroy gives nothing back")                                                    \
	/* questions and launches */                                                               \
	BUG(OP_YES, "query-says-yes", NONE, "l[12]/*",                                             \
	    "query_op says EXACT to what launch refuses")                                          \
	BUG(OP_NO, "query-says-no", NONE, "l2/*",                                                  \
	    "query_op refuses all_gather, and launch does it all the same")                        \
	BUG(OP_EFFECT, "query-writes", NONE, "l2/add/*",                                           \
	    "query_op with addresses adds 1 to the output")                                        \
	BUG(OP_CHANGES, "query-changes-op", NONE, "l2/matmul/fma32/*",                             \
	    "query_op normalises mid_type in the descriptor")                                      \
	BUG(OP_LAUNCH_CHANGES, "launch-changes-op", NONE, "l2/matmul/fma32/*",                     \
	    "launch normalises mid_type in the descriptor")                                        \
	BUG(OP_UNKNOWN, "unknown-op-accepted", NONE, "l[12]/*",                                    \
	    "an op type that does not exist is launched with success")                             \
	BUG(OP_SIZE, "short-op-accepted", NONE, "l[12]/*",                                         \
	    "a descriptor that is too short is read past its end")                                 \
	/* graphs */                                                                               \
	BUG(GR_ONCE, "graph-replays-once", NONE, "l4/graph/fma32",                                 \
	    "the second launch of a graph does nothing")                                           \
	BUG(GR_CAPTURE, "graph-runs-at-capture", NONE, "l4/graph/fma32",                           \
	    "ops run while they are captured")                                                     \
	BUG(GR_LAST, "graph-drops-last", NONE, "l4/graph/fma32",                                   \
	    "the last op of a graph is dropped")                                                   \
	BUG(GR_FROZEN, "graph-frozen-inputs", NONE, "l4/graph/*",                                  \
	    "row numbers are read when a graph is captured instead of when it runs")               \
	/* compositions and invariance */                                                          \
	BUG(LV_LABEL, "layer-label", MATMUL, "l2/matmul/fma32/*",                                  \
	    "the label of a descriptor, its layer, decides whether the residual is added")         \
	BUG(LV_BIG, "matmul-large-k", MATMUL, "l[234]/matmul/fma32/*",                             \
	    "from 1024 elements on, K is cut into two chains")
/* clang-format on */

#define FAULTY_ID(id, name, op, cases, what) BUG_##id,
enum faulty_bug {
	BUG_OFF,   /* no device to be had */
	BUG_NONE,  /* cpu-ref's own code: right */
	BUG_PLAIN, /* the plain forms of ops in place of cpu-ref's: right too */
	FAULTY_BUGS(FAULTY_ID) BUG_COUNT
};
#undef FAULTY_ID

#endif /* FAULTY_BUGS_H */
