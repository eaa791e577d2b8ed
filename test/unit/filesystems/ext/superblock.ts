/** What `dumpe2fs -h` says of an ext3 or ext4 that is in use. */
export const superblock = `Filesystem volume name:   my root
Filesystem UUID:          badecd11-c016-4e37-81cf-3caa4c53824e
Filesystem features:      has_journal ext_attr dir_index needs_recovery extent orphan_present
Default mount options:    user_xattr acl
Filesystem state:         clean
Errors behavior:          Remount read-only
Inode count:              16384
Block count:              65536
Reserved block count:     3276
Block size:               1024
Inode size:	          256
Default directory hash:   half_md4
Total journal blocks:     4096
`;
