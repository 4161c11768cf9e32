"""What a run's journal says, counted again from its bytes: every sample once, every step whole.
usage: python3 journal.py RUN/journal          ends with 0 if all adds up; needs nothing but Python"""
import collections, struct, sys

TABLE = list(range(256))
for _ in range(8): TABLE = [c >> 1 ^ (0x82F63B78 if c & 1 else 0) for c in TABLE]
def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data: crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF

def records(data):  # type and payload of each record; a torn tail ends them
    at = 8
    assert data[:8] in (b"DROVERJ1", b"DROVERJ2"), "not a journal"
    while len(data) - at >= 24:
        length, before, kind, crc = struct.unpack_from("<IQII", data, at + 4)
        payload = data[at + 24:at + 24 + length]
        if data[at:at + 4] != b"JREC" or len(payload) < length or crc32c(data[at + 4:at + 20] + payload) != crc: break
        yield kind, payload
        at += 24 + length
    if at < len(data): print(f"torn tail: {len(data) - at} bytes")

def text(p, at):
    n, = struct.unpack_from("<I", p, at)
    return p[at + 4:at + 4 + n].decode(errors="replace"), at + 4 + n

START, SAMPLE, _, STEP, ATTEMPT, END, REFUSED, HALT, EXPORTED, JUDGED, PEOPLE, REFRESHED = range(1, 13)
refused, back, epoch, failed = [], 0, 0, collections.Counter()
samples, left, trained, steps, epochs, end, plan, bad = collections.Counter(), set(), collections.Counter(), [], [], None, None, []
pairs, judged, learnt, refreshed = 0, set(), collections.Counter(), 0  # what people were asked, said, and what was learnt of that
halt, late = None, []  # iterations after which stop_if ended training; what came then
for kind, p in records(open(sys.argv[1], "rb").read()):
    if kind == START:
        epoch, run, seed, before, train, after, batch = struct.unpack("<Q16s5Q", p)
        epochs.append(epoch)
        bad += ["the plan changed"] * (plan not in (None, (run, seed, before, train, after, batch)))
        plan = run, seed, before, train, after, batch
    elif kind == SAMPLE:
        samples[struct.unpack_from("<QI", p)] += 1
        late += [struct.unpack_from("<QI", p)] * (halt is not None)
    elif kind == ATTEMPT: failed[text(p, 16)[0]] += 1
    elif kind in (STEP, HALT):
        iteration, n = struct.unpack_from("<QI", p)
        names = [struct.unpack_from("<QI", p, 12 + 12 * i) for i in range(n)]
        bad += [f"step {iteration} comes after {len(steps)}"] * (iteration != len(steps))
        bad += [f"step {iteration}: {name} was not durable before" for name in names if not samples[name]]
        bad += [f"step {iteration}: not in order"] * (names != sorted(names))
        trained.update(names)
        drops, = struct.unpack_from("<I", p, 12 + 12 * n)
        left |= {struct.unpack_from("<QI", p, 16 + 12 * n + 16 * i) for i in range(drops)}
        bad += [f"step {iteration} stands behind the HALT"] * (halt is not None)
        steps.append(p[-32:].hex()[:16])
        if kind == HALT: halt = len(steps)
    elif kind == REFUSED:  # reason 1: was never taken; 2: was false; 3: its group was
        name, reason, digest = struct.unpack_from("<QI", p), *struct.unpack_from("<I32s", p, 12)
        address, at = text(p, 128)
        who, at = text(p, at)
        build, at = text(p, at)
        refused.append((name, address, who, build, ascii(text(p, at)[0])))
        if reason > 1:
            bad += [f"{name} is refused and was not there, or was trained"] * (samples[name] != 1 or trained[name] > 0)
            samples[name] -= 1; back += 1
    elif kind == END: end = p[-32:].hex()
    elif kind == REFRESHED: refreshed += 1
    elif kind == EXPORTED: pairs += struct.unpack_from("<I", p, 8)[0]
    elif kind == JUDGED: judged.add((p[16:32], p[:16]))
    elif kind == PEOPLE:
        names = [(p[at:at + 16], p[at + 16:at + 32]) for at in range(12, 12 + 32 * struct.unpack_from("<I", p, 8)[0], 32)]
        bad += [f"iteration {struct.unpack_from('<Q', p)[0]} learns what nobody said"] * (not judged >= set(names))
        learnt.update(names)
run, seed, before, train, after, batch = plan
asked = train + len({task for task, _ in left})  # tasks whose answers taught nothing were replaced
samples = +samples
total, opened = before + asked + after, len(samples)
bad += [f"{name} {n} times" for name, n in samples.items() if n > 1]
bad += [f"{name} trained {n} times" for name, n in trained.items() if n > 1]
bad += [f"judgement {one.hex()} learnt {n} times" for (_, one), n in learnt.items() if n > 1]
bad += [f"{name} is beyond the run's {total} tasks" for name in samples if name[0] >= total and (end or not left)]
bad += [f"{name} was trained and left out" for name in left if trained[name] or not samples[name]]
bad += [f"epochs {epochs} do not rise"] * (epochs != sorted(set(epochs)))  # by more than one: a copy went on elsewhere
evaluated = sum(1 for task, _ in samples if task < before or task >= before + asked)
behind = range(before + halt * batch + len({task for task, _ in left}), before + asked) if halt else range(0)
bad += [f"{name} was taken behind the HALT" for name in late if name[0] in behind]
cut = sum(1 for task, _ in samples if task in behind)  # answered and not trained: stop_if came first
open_ = opened - len(trained) - evaluated - len(left) - cut
if end:
    whole = halt is not None or len(steps) * batch >= train
    bad += [f"task {task} is missing" for task in range(total) if (task, 0) not in samples and whole and task not in behind]
    bad += ["samples lie untrained at the end"] * (open_ > 0 and whole)
print(f"run {run.hex()}  epochs {len(epochs)}  steps {len(steps)}  newest {steps[-1] if steps else '-'}  weights {end or 'not yet'}")
print(f"in the journal {opened} = trained {len(trained)} + evaluated {evaluated} + left out {len(left)} + "
      + (f"cut off {cut} (training ended by stop_if after iteration {halt}) + " if halt else "") + f"open {open_}")
if pairs: print(f"people: {pairs} pairs, {len(judged)} judgements, {len(learnt)} of them learnt" + f"; the reward model was refreshed {refreshed} times" * (refreshed > 0))
for who, n in failed.most_common(5): print(f"  {n} failed at {ascii(who)}")
if refused: print(f"refused {len(refused)}, {back} of them after they had been taken; the last ones:")
for name, *who in refused[-5:]: print(f"  {name} by", *map(ascii, who[:3]), who[3])
for line in bad[:20]: print("WRONG:", line)
sys.exit(bool(bad))
