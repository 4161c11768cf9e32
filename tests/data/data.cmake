foreach(unit jsonl dialogue example dataset order format calls lint)
  drover_test(data/${unit} NEEDS data PkgConfig::zlib)
endforeach()
