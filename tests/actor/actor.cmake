drover_test(actor/inflight NEEDS actor)

drover_test(actor/compute NEEDS actor)
