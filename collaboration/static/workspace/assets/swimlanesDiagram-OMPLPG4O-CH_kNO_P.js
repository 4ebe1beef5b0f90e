import{r as e,t}from"./chunk-QB3YPZ4I-bxMjtwEx.js";import"./chunk-TU62E6Q5-DhF1jQvP.js";import"./mermaid.core-CevmOHjo.js";import"./chunk-HFQBQIA3-DENJ276W.js";import"./chunk-M57EVK23-NPPSPg3O.js";import"./chunk-DQASFODM-CS9kt_6H.js";import"./chunk-LEVMRMFU-DtaL_5CW.js";import"./chunk-AXFCVDMN-7MEC8miz.js";import"./chunk-X4PVCEUW-D8smFM6g.js";import"./chunk-STOXU5M4-D9-H06sN.js";import"./chunk-R3KSYZAL-CNkvk7z0.js";import"./chunk-6MUBBAK2-a3CarS6r.js";import"./chunk-BG4553SI-ChumRohn.js";import"./d3-selection-COWvaQNI.js";import{n}from"./chunk-Y2CYZVJY-DsF7k-Jl.js";var r=t({styles:n(t=>`${e(t)}
  .swimlane.cluster:not([data-color-id]) rect {
    stroke: ${t.clusterBorder} !important;
  }
  [data-look="neo"].cluster rect {
    filter: none;
  }
`,`getStyles`)});export{r as diagram};