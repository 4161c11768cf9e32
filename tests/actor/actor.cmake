drover_test(actor/inflight NEEDS actor)
drover_test(actor/late NEEDS actor)
drover_test(actor/weights NEEDS actor)
drover_library(compute_fixture SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/actor/compute_fixture.c
  NEEDS actor PkgConfig::cmocka)
drover_test(actor/compute NEEDS compute_fixture)
drover_test(actor/lag NEEDS compute_fixture)
