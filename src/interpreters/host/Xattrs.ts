/** Which extended attributes belong to a root file system, and which to the machine that it was made on. */

/** Labels of the host's own policy. They are neither kept nor counted. */
export const isOfHost = (name: string): boolean => name === "security.selinux" || name === "system.nfs4_acl"

/** What the kernel's overlayfs notes where the stores have it mounted. */
const OF_STORE = "trusted.overlay."

/** Notes of a store's own: they mean something only where they were made. */
export const isOfStore = (name: string): boolean => name.startsWith(OF_STORE)

/** Overlayfs's own: in a result they would hide or redirect what lies below. */
export const isOfOverlay = (name: string): boolean => /^(trusted|user)\.overlay\./.test(name)

/** What is made below a directory takes this over, so it is applied when everything is in place. */
export const DEFAULT_ACL = "system.posix_acl_default"
