import type { ReactElement } from 'react';

/** Attributes of `<docent-chat>` and its events. */
export interface DocentChatProps {
  server?: string;
  layout?: 'panel' | 'page';
  book?: string;
  label?: string;
  lang?: string;
  theme?: 'auto' | 'light' | 'dark';
  hotkey?: string;
  selection?: string;
  version?: string;
  locale?: string;
  texts?: Record<string, string>;
  examples?: string[];
  onOpen?: (event: Event) => void;
  onClose?: (event: Event) => void;
  onAsk?: (event: CustomEvent<{ mode: string }>) => void;
  onAnswer?: (event: CustomEvent<{ outcome: string }>) => void;
  onNavigate?: (event: Event & { url: string }) => void;
}

export declare function DocentChat(props: DocentChatProps): ReactElement;
