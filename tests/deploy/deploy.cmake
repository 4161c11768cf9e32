foreach(unit endpoint generate host hosts link links log_bound machine replica spec)
  drover_test(deploy/${unit} NEEDS deploy)
endforeach()
drover_fuzz(host SEEDS fuzz/seeds/host NEEDS deploy)
