"""An sshd on each of some hosts of net.py: machines that drover reaches as it reaches any, over ssh with a key of their own.

What ssh calls them is their host's name (`folder`/config, for `fleet.ssh_config`); what drover keeps there is in `folder`/state-NAME, the
bundle in `folder`/cache, which they share: they are one machine's disk after all."""
import os, shutil, subprocess

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))


class Machines:
    def __init__(self, folder, hosts):
        self.folder, self.hosts = folder, {host.name: host for host in hosts}
        os.makedirs("/run/sshd", exist_ok=True)
        os.makedirs(folder, exist_ok=True)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{key}"], check=True)
        shutil.copy(f"{folder}/user.pub", f"{folder}/authorized")
        with open(f"{folder}/host.pub", encoding="utf-8") as f:
            public = " ".join(f.read().split()[:2])
        with open(f"{folder}/config", "w", encoding="utf-8") as config, open(f"{folder}/known", "w", encoding="utf-8") as known:
            for name, host in self.hosts.items():
                config.write(f"Host {name}\n  HostName {host.ip4}\n  Port 2222\n  User root\n  IdentityFile {folder}/user\n"
                             f"  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known\n")
                known.write(f"[{host.ip4}]:2222 {public}\n")
        for name, host in self.hosts.items():
            os.makedirs(self.state(name))
            with open(f"{folder}/{name}.conf", "w", encoding="utf-8") as f:
                f.write(f"Port 2222\nHostKey {folder}/host\nPidFile none\nAuthorizedKeysFile {folder}/authorized\n"
                        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nMaxStartups 100\n"
                        f"SetEnv XDG_CACHE_HOME={folder}/cache XDG_STATE_HOME={self.state(name)} OMP_WAIT_POLICY=passive\n")
            host.start([SSHD, "-D", "-f", f"{folder}/{name}.conf", "-E", f"{folder}/sshd.log"], f"{folder}/sshd.out")

    def state(self, name):
        return f"{self.folder}/state-{name}"
