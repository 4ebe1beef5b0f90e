import { render } from 'preact'
import { App } from './app.js'
import { startRouter } from './router.js'
import './styles/index.css'

startRouter()
render(<App />, document.getElementById('app')!)
