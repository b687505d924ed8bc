/** From the texts that user space prints (strerror of glibc) back to errno names. */
import type { Errno } from "@ioasis/core";

const TEXTS: Readonly<Record<string, Errno>> = {
  "Operation not permitted": "EPERM",
  "No such file or directory": "ENOENT",
  "Input/output error": "EIO",
  "Argument list too long": "E2BIG",
  "Bad file descriptor": "EBADF",
  "Resource temporarily unavailable": "EAGAIN",
  "Cannot allocate memory": "ENOMEM",
  "Permission denied": "EACCES",
  "Bad address": "EFAULT",
  "Device or resource busy": "EBUSY",
  "File exists": "EEXIST",
  "No such device": "ENODEV",
  "Invalid argument": "EINVAL",
  "Inappropriate ioctl for device": "ENOTTY",
  "No space left on device": "ENOSPC",
  "Value too large for defined data type": "EOVERFLOW",
  "Operation not supported": "EOPNOTSUPP",
  "Address already in use": "EADDRINUSE",
};

/** `"UNKNOWN"` for a text that none of the calls here leaves behind. */
export function errnoOfText(text: string): Errno {
  return TEXTS[text.trim()] ?? "UNKNOWN";
}
