/** Names for the shapes of the API, as they stand in docs/reference/openapi.json. */
import type { components } from './schema';

/** The description marks as optional what may be null; the server sends every field. */
export type Whole<T> = T extends (infer U)[]
	? Whole<U>[]
	: T extends object
		? { [K in keyof T]-?: Whole<Exclude<T[K], undefined>> }
		: T;

type Schemas = components['schemas'];

/** Only who may edit cameras is told the address. */
export type Camera = Whole<Omit<Schemas['Camera'], 'address'>> & { address?: Whole<Schemas['Address']> | null };
export type CameraChange = Schemas['CameraChange'];
export type Area = Schemas['Area'];
export type CameraState = Schemas['CameraState'];
export type Transport = Schemas['Transport'];
export type Stream = Whole<Schemas['Stream']>;
export type Found = Whole<Schemas['Found']>;
export type Identified = Whole<Schemas['Identified']>;
export type ChannelFound = Whole<Schemas['ChannelFound']>;
export type Timeline = Whole<Schemas['Timeline']>;
export type Health = Whole<Schemas['Health']>;
export type Storage = Whole<Schemas['Storage']>;
export type View = Whole<Schemas['View']>;
export type Session = Whole<Schemas['Session']>;
export type Link = Whole<Schemas['Link']>;
export type SetUp = Schemas['SetUp'];
export type NewLink = Whole<Schemas['NewLink']>;
export type Person = Whole<Schemas['Person']>;
export type OpenSession = Whole<Schemas['OpenSession']>;
export type Role = Schemas['RoleName'];
export type Right = Schemas['Right'];
export type Place = Whole<Schemas['Place']>;
export type OpenReport = Whole<Schemas['OpenReport']>;
export type Profile = Whole<Schemas['Profile']>;
export type Terms = Whole<Schemas['Terms']>;
export type Grant = Whole<Schemas['Grant']>;
export type Weekly = Whole<Schemas['Weekly']>;
export type Group = Whole<Schemas['Group']>;
export type Invitation = Whole<Schemas['Invitation']>;
export type MadeInvitation = Whole<Schemas['MadeInvitation']>;
export type Offered = Whole<Schemas['Offered']>;
export type Chain = Whole<Schemas['Chain']>;
export type InboxItem = Whole<Schemas['InboxItem']>;
export type MailChoices = Whole<Schemas['MailChoices']>;
export type DemoMail = Whole<Schemas['DemoMail']>;
export type PrivacyCentre = Whole<Schemas['PrivacyCentre']>;
export type DataRequest = Whole<Schemas['DataRequest']>;
export type FiledRequest = Whole<Schemas['FiledRequest']>;
export type Consent = Whole<Schemas['Consent']>;
export type Objection = Whole<Schemas['Objection']>;
export type Export = Whole<Schemas['Export']>;
export type ClosingAccount = Whole<Schemas['ClosingAccount']>;
export type Challenge = Whole<Schemas['Challenge']>;
export type Factors = Whole<Schemas['Factors']>;
export type Passkey = Whole<Schemas['Passkey']>;
export type TotpSetup = Whole<Schemas['TotpSetup']>;
export type Identity = Whole<Schemas['Identity']>;
export type SignInLine = Whole<Schemas['SignInLine']>;
export type Offer = Whole<Schemas['Offer']>;
export type Token = Whole<Schemas['Token']>;
export type MadeToken = Whole<Schemas['MadeToken']>;
