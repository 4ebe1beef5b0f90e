import{r as e,t}from"./chunk-QB3YPZ4I-CF6DgSdS.js";import"./chunk-TU62E6Q5-C9W0TX-G.js";import"./mermaid.core-CWDKFcQY.js";import"./chunk-HFQBQIA3-DNzWDfPp.js";import"./chunk-M57EVK23-Dtx38S6l.js";import"./chunk-DQASFODM-Cl9S4evw.js";import"./chunk-LEVMRMFU-BrPSGmuh.js";import"./chunk-AXFCVDMN-D_dYDItB.js";import"./chunk-X4PVCEUW-1cv0l0wE.js";import"./chunk-STOXU5M4-Bu2WHVMw.js";import"./chunk-R3KSYZAL-C0hB1kih.js";import"./chunk-6MUBBAK2-BgNpqd7T.js";import"./chunk-BG4553SI-CQyAOpkf.js";import"./d3-selection-BX5VvwgU.js";import{n}from"./chunk-Y2CYZVJY-DsF7k-Jl.js";var r=t({styles:n(t=>`${e(t)}
  .swimlane.cluster:not([data-color-id]) rect {
    stroke: ${t.clusterBorder} !important;
  }
  [data-look="neo"].cluster rect {
    filter: none;
  }
`,`getStyles`)});export{r as diagram};