import{r as e,t}from"./chunk-QB3YPZ4I-C8MrtAmZ.js";import"./chunk-TU62E6Q5-Cst_fpQy.js";import"./mermaid.core-XLXpCAAK.js";import"./chunk-HFQBQIA3-miYCXl7e.js";import"./chunk-M57EVK23-DbR8S0vo.js";import"./chunk-DQASFODM-6xSpA_s8.js";import"./chunk-LEVMRMFU-CpIZvfU8.js";import"./chunk-AXFCVDMN-sxfO8eQb.js";import"./chunk-X4PVCEUW-Cwz7Fv9o.js";import"./chunk-STOXU5M4-BrxR1OPB.js";import"./chunk-R3KSYZAL-S6jZVVO2.js";import"./chunk-6MUBBAK2-D72fk09d.js";import"./chunk-BG4553SI-Dz_RLaoU.js";import"./d3-selection-By9tJms6.js";import{n}from"./chunk-Y2CYZVJY-DsF7k-Jl.js";var r=t({styles:n(t=>`${e(t)}
  .swimlane.cluster:not([data-color-id]) rect {
    stroke: ${t.clusterBorder} !important;
  }
  [data-look="neo"].cluster rect {
    filter: none;
  }
`,`getStyles`)});export{r as diagram};