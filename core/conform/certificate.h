/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate.h - hold a driver that is about to be used against a certificate
 * that `aios conform --certificate` wrote.
 */
#ifndef CORE_CONFORM_CERTIFICATE_H
#define CORE_CONFORM_CERTIFICATE_H

#include <stdint.h>

#include <aios/error.h>

/* What is about to run. Borrowed. */
struct certificate_subject {
	const char *driver;  /* its name */
	const char *file;    /* the .so, or the executable it is built into */
	const char *device;  /* stable id */
	const char *runtime; /* as the device says it */
	const char *profile; /* the configured one; "auto" or "": any */
};

/*
 * 0 when the certificate at `path` is for this file, device and runtime, this
 * ABI and numerics version, covers the profile, and says that levels up to
 * `level` passed; else -EKEYREJECTED with the first thing that does not match, or
 * the error of reading the file.
 */
int certificate_check(const char *path, uint32_t level, const struct certificate_subject *subject,
		      struct aios_status *st);

#endif /* CORE_CONFORM_CERTIFICATE_H */
