/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpu_cli.h - a GPU's driver as a user meets it where there is no such GPU: what is the same for
 * every vendor. The driver is the file that the build makes for the tests, whatever the
 * configuration is.
 */
#ifndef TESTS_E2E_GPU_CLI_H
#define TESTS_E2E_GPU_CLI_H

/* The file of the driver `name`; valid until the next call. */
const char *gpu_cli_driver(const char *name);

/*
 * `aios run` on it alone fails, with nothing on standard output and a first line that begins with
 * `begins` and has `says` in it.
 */
void gpu_cli_check_alone(const char *name, const char *begins, const char *says);

/* With cpu-ref behind it, it answers with that, and `says` why. */
void gpu_cli_check_fallback(const char *name, const char *says);

/* `aios driver lint`: what the loader would say of the file, warnings included. */
void gpu_cli_check_lint(const char *name);

#endif /* TESTS_E2E_GPU_CLI_H */
