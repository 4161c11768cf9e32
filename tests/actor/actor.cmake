drover_test(actor/book NEEDS actor)

drover_test(actor/compute NEEDS actor)
