drover_test(actor/book NEEDS actor)
