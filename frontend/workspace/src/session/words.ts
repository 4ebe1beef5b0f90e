// What reads updates comes along when it is needed.
export { wordsOf } from '@bduf/realtime'
