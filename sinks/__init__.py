"""How each platform is spoken to: one folder per platform, and the kit they share in the files beside this one."""
