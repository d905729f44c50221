/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redirect.h - put in front of cpu-ref's ops.c: its table gets these functions, which
 * hand on to cpu-ref's own (under their real names) unless their bug is chosen.
 */
#ifndef FAULTY_REDIRECT_H
#define FAULTY_REDIRECT_H

#define ref_run_embed faulty_run_embed
#define ref_run_rmsnorm faulty_run_rmsnorm
#define ref_run_matmul faulty_run_matmul
#define ref_run_rope_kv faulty_run_rope_kv
#define ref_run_attention faulty_run_attention
#define ref_run_gather_rows faulty_run_gather_rows
#define ref_run_copy_pages faulty_run_copy_pages
#define ref_run_logits faulty_run_logits
#define ref_run_sample faulty_run_sample
#define ref_run_all_gather faulty_run_all_gather

#endif /* FAULTY_REDIRECT_H */
