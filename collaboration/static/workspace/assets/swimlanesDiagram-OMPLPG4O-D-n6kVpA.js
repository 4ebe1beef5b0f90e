import{r as e,t}from"./chunk-QB3YPZ4I-COI8tjxq.js";import"./chunk-TU62E6Q5-Dpl4fetY.js";import"./mermaid.core-JG7MiMqn.js";import"./chunk-HFQBQIA3-CnSgfpYu.js";import"./chunk-M57EVK23-BFwdZev_.js";import"./chunk-DQASFODM-DQ_-GkC6.js";import"./chunk-LEVMRMFU-BNNxTJlQ.js";import"./chunk-AXFCVDMN-c-02bIvK.js";import"./chunk-X4PVCEUW-CRkMx6QG.js";import"./chunk-STOXU5M4-CPm1--EZ.js";import"./chunk-R3KSYZAL-DhAHpQhp.js";import"./chunk-6MUBBAK2-CwA4P6eM.js";import"./chunk-BG4553SI-Yb9s6_HC.js";import"./d3-selection-C7oR-P96.js";import{n}from"./chunk-Y2CYZVJY-DsF7k-Jl.js";var r=t({styles:n(t=>`${e(t)}
  .swimlane.cluster:not([data-color-id]) rect {
    stroke: ${t.clusterBorder} !important;
  }
  [data-look="neo"].cluster rect {
    filter: none;
  }
`,`getStyles`)});export{r as diagram};