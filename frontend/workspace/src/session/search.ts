/** Finding in the text: not needed before there is something to find, so it comes after the editor. */

import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { keymap } from '@codemirror/view'

export const search = [highlightSelectionMatches(), keymap.of(searchKeymap)]
