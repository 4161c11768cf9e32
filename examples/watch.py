"""The dashboard socket: one line a second.  usage: python3 watch.py tcp://127.0.0.1:5560 [watcher.key]"""
import re, sys
import msgpack, zmq

socket = zmq.Context().socket(zmq.SUB)
if len(sys.argv) > 2:
    key = dict(re.findall(r'(\w+)-key = "(.{40})"', open(sys.argv[2]).read()))
    socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = (key[k].encode() for k in ("server", "public", "secret"))
socket.subscribe(b"")
socket.ipv6 = "[" in sys.argv[1]
socket.connect(sys.argv[1])
while True:
    s = msgpack.unpackb(socket.recv_multipart()[1])
    print(f"step {s['step']}  {s['tokens_s']:.0f} tokens/s  settled {s['settled']} of {s['opened']}  "
          f"peers {len(s['peer'])}  busy {s['actor_busy']:.0%} {s['rewarder_busy']:.0%} {s['learner_busy']:.0%}  {s['advice']}")
