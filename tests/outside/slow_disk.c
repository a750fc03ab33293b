/* An LD_PRELOAD shim: every fdatasync waits before it begins, or fails once a file is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    const char *delay_ms = getenv("SLOW_DISK_MS"), *broken = getenv("SLOW_DISK_BROKEN");
    if (delay_ms)
        usleep((useconds_t)atoi(delay_ms) * 1000);
    if (broken && access(broken, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return real(descriptor);
}
